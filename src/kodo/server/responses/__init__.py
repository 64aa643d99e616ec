"""The Responses API: HTTP, server-sent events and the WebSocket mode."""
