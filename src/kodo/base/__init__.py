"""The ground floor: errors, text, processes, hashing, clocks. Knows nothing of agents."""
