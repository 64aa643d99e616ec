"""A process of each jail that forks for every command: none waits for a Python to start."""
