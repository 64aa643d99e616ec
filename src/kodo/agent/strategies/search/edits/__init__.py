"""Proposals by rule, without the model."""
