"""Which files are scanned, in what encoding, by how many processes, and what need not be again."""
