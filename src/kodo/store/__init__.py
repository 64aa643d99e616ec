"""The store: one SQLite file a project that holds the log, the blobs and the snapshots."""
