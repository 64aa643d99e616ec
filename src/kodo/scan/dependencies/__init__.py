"""Known-vulnerable dependencies: manifests, versions, and an offline export of OSV advisories."""
