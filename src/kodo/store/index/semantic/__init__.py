"""Functions found by what they do: for questions that share few words with the code."""
