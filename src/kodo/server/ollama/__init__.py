"""Ollama's own chat: /api/chat and /api/generate."""
