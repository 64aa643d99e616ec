"""A thin client of the Model Context Protocol: other programs' tools for the model."""
