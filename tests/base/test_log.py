"""The debugging log: to stderr, at the wanted level, with no secret in it."""

import logging

import pytest

from kodo.base.log import configure_logging, redact


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer abcdefgh12345", "Authorization: Bearer ***"),
        ("key sk-abcdefghijkl-xyz end", "key sk-*** end"),
        ('{"api_key": "abcdefgh1234"}', '{"api_key": "***"}'),
        ("x-api-key: abcdefgh1234", "x-api-key: ***"),
        ("token ghp_abcdefgh1234 AKIAABCDEFGHIJKL", "token ghp_*** AKIA***"),
        ("made kodo_0a1b2c3d_abcdefghijklmnopqrstuv-_x.", "made ***."),
        ("the bearer of news", "the bearer of news"),
    ],
)
def test_secrets_are_blacked_out(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(("verbosity", "lines"), [(0, 1), (1, 2), (2, 3), (9, 3), (-1, 1)])
def test_verbosity_sets_the_level(
    capsys: pytest.CaptureFixture[str], verbosity: int, lines: int
) -> None:
    logger = logging.getLogger("kodo")
    handlers, level = logger.handlers[:], logger.level
    try:
        configure_logging(verbosity)
        for tell in (logger.warning, logger.info, logger.debug):
            tell("with %s", "Bearer abcdefgh12345")
    finally:
        logger.handlers[:] = handlers
        logger.setLevel(level)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert len(shown.err.splitlines()) == lines
    assert "abcdefgh12345" not in shown.err
