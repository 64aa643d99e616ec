"""The abstract interpreter: what values can be, where they come from and where they go."""
