"""The way out of a jail without a network: single hosts, through a gate outside of it."""
