"""What of a thread stands in the model's window: whole, cut, as a stub, or folded away."""
