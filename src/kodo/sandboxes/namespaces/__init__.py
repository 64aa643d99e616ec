"""Jails made of kernel namespaces: bubblewrap's, and kodo's own where bwrap is not installed."""
