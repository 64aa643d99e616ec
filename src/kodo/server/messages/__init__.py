"""The Messages API, as the clients of Anthropic speak it."""
