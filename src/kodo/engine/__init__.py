"""Embedded inference: model files, and llama.cpp in this process. Tokens and text, no agents."""
