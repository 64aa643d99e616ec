"""The upkeep of a store: proving it, counting it, collecting garbage, purging, exporting."""
