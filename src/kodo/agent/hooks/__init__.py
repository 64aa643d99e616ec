"""Hooks: commands of the user that speak at certain moments of a run."""
