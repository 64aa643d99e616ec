"""Meaning for the memory: the embedding model of the extra `semantic`, loaded by the first call.

Does not know which model it is. Guards runs without the extra, and those that ask for nothing: they
load nothing of it.
"""

import sqlite3
from typing import Protocol

from kodo.runtime.registry import EXTRAS, is_installed, load


class _Model(Protocol):
    def encode(self, text: str) -> bytes: ...

    def nearest(self, connection: sqlite3.Connection, text: str, most: int) -> list[int]: ...


class Meaning:
    """Encodes texts and ranks functions as the model does; the first call takes 0.3 CPU s."""

    __slots__ = ("_model",)

    def __init__(self) -> None:
        self._model: _Model | None = None

    def encode(self, text: str) -> bytes:
        """Return the vector of a text. Raises ConfigError where the model's files are missing."""
        return self._loaded().encode(text)

    def nearest(self, connection: sqlite3.Connection, text: str, most: int) -> list[int]:
        """Return the functions whose descriptions are nearest, best first. Raises ConfigError."""
        return self._loaded().nearest(connection, text, most)

    def _loaded(self) -> _Model:
        model = self._model
        if model is None:
            model = self._model = load(EXTRAS, "meaning")()
        return model


def find_meaning() -> Meaning | None:
    """Return the model where the extra `semantic` is installed."""
    return Meaning() if is_installed("meaning") else None
