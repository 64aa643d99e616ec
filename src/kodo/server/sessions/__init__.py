"""The session API: one WebSocket through which kodo's own faces open, watch and steer sessions."""
