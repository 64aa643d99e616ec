"""HTTP/1.1 for model calls, and nothing more: what the transport needs, at a tenth of the start."""
