"""What a snapshot costs: `python -m benchmarks.undo`."""
