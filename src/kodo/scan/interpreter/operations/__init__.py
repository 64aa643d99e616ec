"""What library calls do, in words that rule files use (`models: {calls, does}`)."""
