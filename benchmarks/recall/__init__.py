"""Measurements of recall: what is found again, and what it costs."""
