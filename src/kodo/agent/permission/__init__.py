"""Permission: what a command would do, which rule speaks to it, and what is asked of a person."""
