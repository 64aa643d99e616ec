"""The model server: HTTP and WebSocket faces over any `Model`. Knows no agents, tools or stores."""
