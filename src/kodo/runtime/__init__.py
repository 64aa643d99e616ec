"""Where the rooms below meet: configuration, registry, build, sessions."""
