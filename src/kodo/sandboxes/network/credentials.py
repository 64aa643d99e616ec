"""Credentials that commands use without seeing them: a token that only the gate can exchange.

Guards that a secret is told to the hosts it was named for, and to nobody else.
"""

import secrets
from collections.abc import Mapping, Sequence

from kodo.base.errors import ConfigError
from kodo.sandboxes.network.rules import Placeholder, parse_pattern


def make_placeholders(
    wanted: Mapping[str, Sequence[str]], environment: Mapping[str, str]
) -> tuple[Placeholder, ...]:
    """Return a placeholder for each variable that is set, for the hosts named beside it.

    Raises ConfigError where a host is none, or covers every host.
    """
    made: list[Placeholder] = []
    for variable, hosts in wanted.items():
        patterns = tuple(map(parse_pattern, hosts))
        if any(pattern.host == "*" for pattern in patterns):
            raise ConfigError(f"the credential {variable!r} needs the names of its hosts, not '*'")
        if secret := environment.get(variable):
            token = f"kodo-placeholder-{secrets.token_hex(16)}"
            made.append(Placeholder(variable, token, secret, patterns))
    return tuple(made)
