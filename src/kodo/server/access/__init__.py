"""Who may use the server: tokens, their limits, and the guard at the door."""
