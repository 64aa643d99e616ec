"""The log and the blobs in PostgreSQL, for fleets: one database, many machines."""
