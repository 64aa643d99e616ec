"""Ruby to the intermediate representation: `module.lower_ruby` is the entry."""
