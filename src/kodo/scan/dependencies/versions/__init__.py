"""How the versions of each ecosystem compare."""
