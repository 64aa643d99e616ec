"""Secrets that have no format of their own: known by the name they are given and by their chance.

Knows lines, not languages. Guards that words, paths, references and identifiers are not secrets,
however the variable is called.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from kodo.scan.secrets.placeholders import bits_a_character, is_placeholder

CONTEXT_WORDS = (
    *(b"passw", b"secret", b"token", b"api_key", b"apikey", b"api-key", b"pwd", b"credential"),
    *(b"private_key", b"access_key", b"auth_key", b"encryption_key"),
)

# Expressions are compiled (and kept by `re`) when they are first needed: a start pays for none.
# name = "value", name: 'value', "name": "value", name => "value", NAME=value in files of settings
_ASSIGNED = rb"""(?ix)
    (?P<name>[A-Za-z_][\w.\-]*(?:passw(?:or)?d|passwd|pwd|secret|token|api[_\-]?key
    |credentials?|private[_\-]?key|access[_\-]?key|auth[_\-]?key|encryption[_\-]?key)[A-Za-z0-9_]{0,16}
    |passw(?:or)?d|passwd|pwd|secret|token|api[_\-]?key)["']?\]?\s*
    (?::\s*(?:str|string|String|&str|&'static\ str)\s*)?(?::=|=>|=|:)\s*
    (?:new\s+String\(|String::from\(|b|r|u|f)?
    (?P<quote>["'`])(?P<value>[^"'`\s]{8,200})(?P=quote)"""
_SETTING = (
    rb"(?i)\s*(?:export\s+|set\s+)?(?P<name>[A-Za-z_][\w.\-]*(?:passw(?:or)?d|secret|token"
    rb"|api[_\-]?key|private[_\-]?key|access[_\-]?key)[A-Za-z0-9_]{0,16}|password|secret|token)"
    rb"\s*[=:]\s*(?P<value>[^\s\"'`#;,<>(){}\[\]]{12,200})\s*$"
)
_SETTINGS_FILE = (
    r"(?:^|/)\.env(?:\.[\w.\-]+)?$|\.(?:properties|ini|cfg|conf|ya?ml|toml|tfvars|env|netrc)$"
)
# The word is about a secret, the value is none: its name, its length, its place, its kind.
_ABOUT = (
    rb"(?i)(?:name|identifier|file|path|dir|url|uri|endpoint|type|kind|id|len|length|size|prefix"
    rb"|suffix|header|field|param|label|title|text|hint|message|error|msg|policy|regex|pattern|format|hash|hasher"
    rb"|encoder|selector|class|icon|placeholder|expir\w*|ttl|timeout|count|limit|index|column|attr"
    rb"|issuer|source|store|service|provider|manager|backend|scope|grant|strategy|mode|algorithm"
    rb"|ref|arn|help|description|status|state|event|action|view|template|validator\w*)s?$"
)
_NOT_SECRET = (
    rb"^(?:[A-Za-z]+|[a-z]+(?:[._\- /:][a-z]+)+|[A-Z]+(?:_[A-Z]+)+|[a-z]+(?:[A-Z][a-z]+)+"
    rb"|(?:[A-Z][a-z]+)+|[./~][\w./\-]*|\w+(?:\.\w+)+|[\w\-]+\.(?:json|ya?ml|pem|key|txt|crt))$"
)
_SCHEME = rb"[a-zA-Z][a-zA-Z0-9+.\-]{1,30}$"
_LOGIN = (
    rb"""(?P<user>[^\s:/?#\[\]@"'`<>]{1,80}):(?P<value>[^\s/?#@"'`<>:]{3,120})@"""
    rb"""(?P<host>[A-Za-z0-9][A-Za-z0-9.\-]*)"""
)
_KEY_VALUE = rb"""(?ix)(?:Server|Data\ Source|Host)\s*=[^"'`\n]{1,200}?(?:Password|Pwd)\s*=\s*
    (?P<value>[^;"'`\s]{4,120})"""
_LOCAL = rb"(?i)^(?:localhost|127\.|0\.0\.0\.0|host|hostname|.*\.example(?:\.\w+)?$|example\.)"

MAX_LINE_BYTES = 2_000
# The whole name of a constant, as people write it who mean just that.
_CONSTANT = rb"""(?x)^[ \t]*(?:(?:export|public|private|protected|internal|static|final|const|let
    |var|val|readonly|pub)[ ]+)*(?:String[ ]+|string[ ]+|char[ ]*\*?[ ]*(?:const[ ]+)?)?
    (?P<name>(?:[A-Z][A-Z0-9]*_){0,4}PASSW(?:OR)?D)(?:\[\])?[ ]*
    (?::[ ]*(?:&'static[ ]str|&str|str|string|String)[ ]*)?(?::=|=)[ ]*
    (?P<quote>["'])(?P<value>[^"'\s]{4,64})(?P=quote)[ ]*[;,]?[ \t]*(?:[#/].*)?$"""
_NO_PASSWORD = (
    rb"(?i)passw|changeme|^(?:none|null|true|false|undefined|required|optional|hidden|text|string)$"
    rb"|[{}<>$%]|^[./~]|^[a-z]+(?:[._-][a-z]+)+$|^(.)\1+$"
)
_OTHER_WORDS = frozenset({b"basic", b"digest", b"oauth", b"token", b"secret", b"reset", b"input"})
KEY_BITS = 3.5
PASSWORD_BITS = 2.75


class Suspect(NamedTuple):
    """A value that its context makes a secret: byte offsets, and what it is called."""

    rule: str
    start: int
    end: int
    name: str
    sure: bool


def find_assigned(path: str, source: bytes) -> Iterator[Suspect]:
    """Yield values that are given names like `password`, looking at the lines that name them."""
    settings = re.search(_SETTINGS_FILE, path) is not None
    assigned, setting = re.compile(_ASSIGNED), re.compile(_SETTING)
    constant = re.compile(_CONSTANT)
    for start, end in _telling_lines(source):
        for match in assigned.finditer(source, start, end):
            if suspect := _judge(match):
                yield suspect
                break
        else:
            if b"PASSW" in source[start:end] and (match := constant.match(source[start:end])):
                value = match["value"]
                if not re.search(_NO_PASSWORD, value) and value.lower() not in _OTHER_WORDS:
                    name = match["name"].decode("latin-1")
                    first, last = match.span("value")
                    yield Suspect("password", start + first, start + last, name, sure=False)
        if settings and (match := setting.match(source, start, end)):
            suspect = _judge(match)
            if suspect:
                yield suspect


def _telling_lines(source: bytes) -> list[tuple[int, int]]:
    """Return the byte ranges of lines with a context word and a sign of assignment, in order."""
    low = source.lower()
    lines: dict[int, int] = {}
    for word in CONTEXT_WORDS:
        at = low.find(word)
        while at >= 0:
            start = low.rfind(b"\n", 0, at) + 1
            end = low.find(b"\n", at)
            end = len(low) if end < 0 else end
            if end - start <= MAX_LINE_BYTES and (b"=" in low[at:end] or b":" in low[at:end]):
                lines[start] = end
            at = low.find(word, end)
    return sorted(lines.items())


def _judge(match: "re.Match[bytes]") -> Suspect | None:
    name, value = match["name"], match["value"]
    if re.search(_ABOUT, name) or re.match(_NOT_SECRET, value) or is_placeholder(value):
        return None
    if value.lower() in name.lower() or not _is_mixed(value):
        return None
    is_password = re.search(rb"(?i)passw|pwd", name) is not None
    bits = bits_a_character(value)
    if bits < (PASSWORD_BITS if is_password else KEY_BITS):
        return None
    rule = "password" if is_password else "key"
    sure = bits >= KEY_BITS and len(value) >= 16
    return Suspect(rule, match.start("value"), match.end("value"), name.decode("latin-1"), sure)


def _is_mixed(value: bytes) -> bool:
    """Whether the value has characters of at least two kinds, one of them digits or signs."""
    digits = any(48 <= c <= 57 for c in value)
    signs = any(not (48 <= c <= 57 or 65 <= c <= 90 or 97 <= c <= 122) for c in value)
    letters = any(65 <= c <= 90 or 97 <= c <= 122 for c in value)
    return letters and (digits or signs)


def find_connections(source: bytes) -> Iterator[Suspect]:
    """Yield the passwords in addresses (`scheme://user:password@host`) and connection strings."""
    login = re.compile(_LOGIN)
    at = source.find(b"://")
    while at >= 0:
        if match := login.match(source, at + 3):
            scheme = re.search(_SCHEME, source[max(0, at - 31) : at])
            if scheme is not None and _is_real_login(match):
                name = f"{scheme[0].decode('latin-1')}://{match['user'].decode('latin-1')}"
                start, end = match.span("value")
                yield Suspect("connection", start, end, name, sure=True)
        at = source.find(b"://", at + 3)
    if b"assword" in source or b"wd=" in source:
        for match in re.finditer(_KEY_VALUE, source):
            value = match["value"]
            if not is_placeholder(value) and not re.match(_NOT_SECRET, value):
                start, end = match.span("value")
                yield Suspect("connection", start, end, "connection string", sure=True)


def _is_real_login(match: "re.Match[bytes]") -> bool:
    value = match["value"]
    if re.match(_LOCAL, match["host"]) or is_placeholder(value) or value == match["user"]:
        return False
    return re.search(rb"(?i)pass|secret|pwd|^(?:pw|postgres|root|admin|guest)$", value) is None
