"""Python versions as PEP 440 orders them: epoch, release, pre, post, dev, local."""

import re

_SHAPE = re.compile(
    r"""^\s*v?(?:(?P<epoch>\d+)!)?(?P<release>\d+(?:\.\d+)*)
    (?:[-_.]?(?P<pre>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?P<pre_number>\d*))?
    (?:-(?P<post_implied>\d+)|[-_.]?(?P<post>post|rev|r)[-_.]?(?P<post_number>\d*))?
    (?:[-_.]?(?P<dev>dev)[-_.]?(?P<dev_number>\d*))?
    (?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?\s*$""",
    re.VERBOSE | re.IGNORECASE,
)
_PRE = {"alpha": 0, "a": 0, "beta": 1, "b": 1, "preview": 2, "pre": 2, "c": 2, "rc": 2}
_LEAST = -1
_MOST = 1 << 60

PythonKey = tuple[int, tuple[int, ...], tuple[int, int], int, int, tuple[tuple[int, int, str], ...]]


def python_key(version: str) -> PythonKey:
    """Return a key that orders versions. What is no version comes before all that are."""
    match = _SHAPE.match(version)
    if match is None:
        return (_LEAST, (), (0, 0), 0, 0, ((0, 0, version),))
    release = tuple(int(number) for number in match["release"].split("."))
    while len(release) > 1 and release[-1] == 0:
        release = release[:-1]
    has_dev = match["dev"] is not None
    has_post = match["post"] is not None or match["post_implied"] is not None
    if match["pre"] is not None:
        pre = (_PRE[match["pre"].lower()], int(match["pre_number"] or 0))
    else:
        # A development release of the version itself comes before all its pre-releases.
        pre = (_LEAST, 0) if has_dev and not has_post else (_MOST, 0)
    post = int(match["post_implied"] or match["post_number"] or 0) if has_post else _LEAST
    dev = int(match["dev_number"] or 0) if has_dev else _MOST
    local = tuple(
        (1, int(piece), "") if piece.isdecimal() else (0, 0, piece)
        for piece in re.split(r"[-_.]", (match["local"] or "").lower())
        if piece
    )
    return (int(match["epoch"] or 0), release, pre, post, dev, local)
