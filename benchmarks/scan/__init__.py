"""How well and how fast the scanner finds what is there; data sets are given by path."""
