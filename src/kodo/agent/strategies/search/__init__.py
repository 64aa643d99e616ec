"""Verified search: how a small model that cannot drive a loop is made useful."""

from kodo.agent.strategies.search.strategy import SearchStrategy

__all__ = ["SearchStrategy"]
