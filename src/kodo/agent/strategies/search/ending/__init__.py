"""The result in the user's tree: written once, beside what people changed meanwhile."""
