"""Secrets in files: known key formats, keys and passwords by their context; knows no syntax."""
