"""The terminal face: inline, native scrollback; `screen` is light, `chat` brings the prompt."""
