"""Tools that a model can call: one file each. Import the file you need."""
