"""The command line: one file a command, thin; main.py loads them by name."""
