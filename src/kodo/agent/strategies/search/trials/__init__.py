"""Where proposals are tried: a scratch copy, and the quickest way to run its tests."""
