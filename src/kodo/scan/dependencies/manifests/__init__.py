"""Manifests and lock files of eight languages: which package in which version, on which line."""
