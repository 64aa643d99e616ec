"""Benchmarks of the model server and of its engine."""
