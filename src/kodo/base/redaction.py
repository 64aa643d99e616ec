"""Secrets taken out of text: values that are known, and what has the shape of a token.

The one place where kodo decides what a secret looks like. Knows no tool and no log. Guards against
a secret in base64 or hex too; what a program encrypts or splits is not seen.
"""

import base64
import re
from collections.abc import Iterable, Mapping

MIN_SECRET = 8

_SECRET_NAME = re.compile(
    r"(?i)(secret|token|passw|pwd\b|api_?key|apikey|_key$|^key$|private|credential|auth|dsn|salt"
    r"|signing|cookie|session_id|client_id$|conn(ection)?_?str)"
)
# PWD and OLDPWD, in capitals, are the shell's folders; every other "pwd" is a password.
_HARMLESS_NAME = re.compile(
    r"(?i)(^SSH_AUTH_SOCK$|^(?-i:(OLD)?PWD)$|_path$|_file$|_dir$|_url$|_sock$"
    r"|(^|_)authors?(_name|_email|_date)?$)"
)
_CREDENTIAL_URL = re.compile(r"^[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@", re.I)
_LINE = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*[=:]\s*(.*?)\s*$")

_SHAPES = re.compile(
    r"(?P<keep>(?i:bearer\s+|authorization:\s*(?:basic|token)\s+|x-api-key[\"'=:\s]+"
    r"|api[_-]?key[\"']?\s*[=:]\s*[\"']?))(?P<value>[A-Za-z0-9_\-./+=]{8,})"
    r"|(?<![A-Za-z0-9_])(?:sk-[A-Za-z0-9_\-]{12,}|gh[pousr]_[A-Za-z0-9]{12,}"
    r"|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abprs]-[\w-]{10,}|A(?:KIA|SIA)[A-Z0-9]{12,}"
    r"|AIza[\w-]{30,}|npm_[A-Za-z0-9]{30,}|pypi-[\w-]{30,}|hf_[A-Za-z0-9]{20,}"
    r"|(?:sk|rk)_live_[A-Za-z0-9]{16,}|kodo_[0-9a-f]{8}_[\w-]{20,}|SG\.[\w-]{16,}\.[\w-]{16,}"
    r"|eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,})(?![A-Za-z0-9_])"
    r"|-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"
    r"(?:[\s\S]*?-----END (?:[A-Z]+ )*PRIVATE KEY-----|(?:\s+(?:\d+\s+)?[A-Za-z0-9+/=]{20,})+)"
    r"|(?<=://)[^/\s:@]+:[^/\s@]{3,}(?=@)"
)

_KIND = re.compile(r"sk-|gh[pousr]_|github_pat_|glpat-|xox[abprs]-|A(?:KIA|SIA)|npm_|pypi-|hf_")


def redact_shapes(text: str) -> str:
    """Replace what looks like a key or token by `***`, keeping the word before it."""

    def hidden(found: re.Match[str]) -> str:
        kind = _KIND.match(found[0])
        return f"{found['keep'] or (kind[0] if kind else '')}***"

    return _SHAPES.sub(hidden, text)


def is_secret_name(name: str) -> bool:
    """Tell whether a variable of this name is likely to hold a secret."""
    return bool(_SECRET_NAME.search(name)) and not _HARMLESS_NAME.search(name)


def secret_values(variables: Mapping[str, str]) -> dict[str, str]:
    """Return name and value of the variables that look like secrets."""
    return {
        name: value
        for name, value in variables.items()
        if len(value) >= MIN_SECRET and (is_secret_name(name) or _CREDENTIAL_URL.match(value))
    }


def dotenv_values(text: str) -> dict[str, str]:
    """Return the variables that a `.env` file sets, quotes taken off."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if (match := _LINE.match(line)) and not line.lstrip().startswith("#"):
            value = match[2]
            if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
                value = value[1:-1]
            found[match[1]] = value
    return found


class Redactor:
    """Takes known secrets out of text. `pairs` are values that are secret only behind their name.

    Made anew where the secrets change; costs one pass over the text.
    """

    __slots__ = ("_names", "_pairs", "_values")

    def __init__(self, secrets: Mapping[str, str], pairs: Iterable[Mapping[str, str]] = ()) -> None:
        self._names: dict[str, str] = {}
        for name, value in secrets.items():
            if len(value) >= MIN_SECRET:
                for form in _forms(value):
                    self._names.setdefault(form, name)
        ordered = sorted(self._names, key=len, reverse=True)
        self._values = re.compile("|".join(map(re.escape, ordered))) if ordered else None
        lines = {
            rf"({re.escape(name)}[\"']?\s*[=:]\s*[\"']?){re.escape(value)}"
            for group in pairs
            for name, value in group.items()
            if value
        }
        self._pairs = re.compile("|".join(sorted(lines))) if lines else None

    def text(self, text: str) -> str:
        """Return the text with each secret replaced by its name, and token shapes by `***`."""
        if self._values is not None:
            text = self._values.sub(lambda m: f"[secret {self._names[m[0]]}]", text)
        if self._pairs is not None:
            text = self._pairs.sub(lambda m: f"{next(filter(None, m.groups()))}[secret]", text)
        return redact_shapes(text)

    def data(self, data: bytes) -> bytes:
        """Return bytes with the secrets taken out; what is not text stays as it is."""
        text = data.decode("utf-8", "surrogateescape")
        return self.text(text).encode("utf-8", "surrogateescape")


def _forms(value: str) -> list[str]:
    """Return the value as it is, in hex, and as it stands within a longer base64 text."""
    raw = value.encode("utf-8", "surrogateescape")
    found = [value, raw.hex(), raw.hex().upper()]
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + raw).decode()
        first = (0, 2, 3)[shift]
        inner = coded[first : 8 * (shift + len(raw)) // 6]
        if len(inner) >= MIN_SECRET:
            found += [inner, inner.replace("+", "-").replace("/", "_")]
    return found
