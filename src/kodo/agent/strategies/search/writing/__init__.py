"""New code from the model: files, programs, and what polishes a draft that nearly passes."""
