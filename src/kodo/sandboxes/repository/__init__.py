"""Jails in which plain git may write the repository of the workspace."""
