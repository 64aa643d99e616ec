"""Rules: their schema, their compiled form, and the YAML files themselves, a folder a language."""
