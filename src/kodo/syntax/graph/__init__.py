"""Who defines and who uses what across a project's files, and the map drawn from it."""
