"""Which hosts a jail may reach: patterns of names and ports, and the presets for registries.

Judges names only; addresses are judged after they were resolved. Guards that a deny outweighs
every allow, and that a port other than the web's must be named.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from kodo.base.errors import ConfigError
from kodo.core.messages import Value

Verdict = Literal["allow", "ask", "deny"]

WEB_PORTS = frozenset({80, 443})
_PRESETS = Path(__file__).with_name("registries.json")
_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-._:[]*")


class Pattern(Value, frozen=True):
    """`example.org`, `*.example.org` (what lies below it), `*` (all), each with `:PORT` or not."""

    host: str
    port: int | None = None

    def matches(self, host: str, port: int) -> bool:
        """Whether it covers the host, a lower-case name without a dot at the end."""
        if port != self.port and (self.port is not None or port not in WEB_PORTS):
            return False
        if self.host == "*":
            return True
        if self.host.startswith("*."):
            return host.endswith(self.host[1:])
        return host == self.host


class HostRules(Value, frozen=True):
    """What may be reached, what is asked about, and what never may."""

    allow: tuple[Pattern, ...] = ()
    ask: tuple[Pattern, ...] = ()
    deny: tuple[Pattern, ...] = ()

    def judge(self, host: str, port: int) -> Verdict:
        """Return what to do with a host; what no pattern covers is denied."""
        name = plain(host)

        def any_of(patterns: tuple[Pattern, ...]) -> bool:
            return any(pattern.matches(name, port) for pattern in patterns)

        if any_of(self.deny):
            return "deny"
        if any_of(self.allow):
            return "allow"
        return "ask" if any_of(self.ask) else "deny"

    def names(self, host: str, port: int) -> bool:
        """Whether a pattern names exactly this host and port, not by a wildcard."""
        return any(p.host == plain(host) and p.port == port for p in self.allow)


def make_rules(
    allow: Iterable[str], *, ask: Iterable[str] = (), deny: Iterable[str] = ()
) -> HostRules:
    """Return the rules for patterns and preset names (`@python`). Raises ConfigError."""
    return HostRules(tuple(_parse(allow)), tuple(_parse(ask)), tuple(_parse(deny)))


def presets() -> Mapping[str, tuple[str, ...]]:
    """Return the hosts of every preset: the registries of a language's packages."""
    found: dict[str, list[str]] = json.loads(_PRESETS.read_bytes())
    return {name: tuple(hosts) for name, hosts in found.items()}


def plain(host: str) -> str:
    """Return a host as patterns have it: lower case, no dot at the end, no brackets."""
    return host.lower().removesuffix(".").removeprefix("[").removesuffix("]")


def _parse(texts: Iterable[str]) -> Iterable[Pattern]:
    for text in texts:
        if text.startswith("@"):
            known = presets()
            if text[1:] not in known:
                choice = ", ".join(f"@{name}" for name in sorted(known))
                raise ConfigError(f"unknown preset of hosts {text!r}; choose from {choice}")
            yield from map(parse_pattern, known[text[1:]])
        else:
            yield parse_pattern(text)


def parse_pattern(text: str) -> Pattern:
    """Return the pattern of one text. Raises ConfigError where it is none."""
    host, port = split_port(text)
    host = plain(host)
    star_inside = "*" in host.removeprefix("*.") and host != "*"
    if not host or star_inside or "/" in text or not set(host) <= _NAME_CHARACTERS:
        raise ConfigError(
            f"{text!r} is not a host; write example.org, *.example.org, example.org:8443, * or"
            " a preset like @python (no scheme, no path)"
        )
    if port is not None and not (port.isdecimal() and 0 < int(port) < 65536):
        raise ConfigError(f"the port of {text!r} is not a number from 1 to 65535")
    return Pattern(host, int(port) if port is not None else None)


def split_port(authority: str) -> tuple[str, str | None]:
    """Return host and port of `host:port`, `[address]:port` or either alone."""
    if authority.startswith("["):
        host, _, rest = authority.partition("]")
        return host[1:], rest[1:] if rest.startswith(":") else None
    if authority.count(":") > 1:
        return authority, None
    host, colon, port = authority.partition(":")
    return host, port if colon else None


class Placeholder(msgspec.Struct, frozen=True):
    """A credential that commands name without knowing it: `token` stands for `secret`."""

    variable: str
    token: str
    secret: str
    hosts: tuple[Pattern, ...]
