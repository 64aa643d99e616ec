"""How a model is driven: `tools` lets it drive itself, `search` drives it by verified search."""
