"""One task under search: what it asks, its time, who answers, what was tried."""
