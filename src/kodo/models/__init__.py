"""Models: thin adapters to providers, a scripted one, the catalog. Name files one by one."""
