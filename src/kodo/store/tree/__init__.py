"""The tree of a workspace: its states, how they are read, watched and brought back."""
