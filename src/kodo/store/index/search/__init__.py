"""Finding again: questions taken apart, chunks looked up and ranked, references read."""
