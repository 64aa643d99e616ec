"""Sandboxes: the rungs of the ladder from a real jail down to none. Import the file you need."""
