"""Trials of JavaScript and TypeScript tests, by a runner that keeps loaded what does not change."""
