"""What the user says about an MCP server: how it is reached, and what it may do.

Knows no connection. Guards that a server is either a command or an address.
"""

import re

import msgspec

from kodo.core.messages import Value
from kodo.core.sandbox import Profile

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,31}")


class McpServer(Value, frozen=True):
    """One server: a `command` with `args` that speaks over stdio, or a `url`.

    A command runs in a jail of its own: `sandbox` is its profile, `hosts` what it may reach; `env`
    are variables of its own, `pass_env` names those of yours that it sees. `token_env` names the
    variable whose value goes as a bearer token to `url`, beside `headers`. `trusted` means that
    what it says counts like the output of a command and that it may be called at any time.
    """

    command: str = ""
    args: tuple[str, ...] = ()
    env: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    pass_env: tuple[str, ...] = ()
    url: str = ""
    headers: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    token_env: str = ""
    sandbox: Profile = "read-only"
    hosts: tuple[str, ...] = ()
    start_timeout_s: float = 30.0
    call_timeout_s: float = 120.0
    trusted: bool = False
    enabled: bool = True

    @property
    def reaches_out(self) -> bool:
        """Whether what it is told may leave this machine's jail."""
        return bool(self.url or self.hosts) or self.sandbox == "full"

    def fault(self, name: str) -> str:
        """Return what is wrong with it, "" where nothing is."""
        if not NAME.fullmatch(name) or "__" in name:
            return "its name is made of letters, digits and -, at most 32"
        if bool(self.command) == bool(self.url):
            return "it needs either a command or a url"
        if self.url and not re.match(r"https?://[^/\s]", self.url):
            return "its url begins with http:// or https://"
        if self.url.startswith("http://") and not re.match(
            r"http://(localhost|127\.|\[::1\])", self.url
        ):
            return "its url is plain http; use https, http is for this machine only"
        if self.start_timeout_s <= 0 or self.call_timeout_s <= 0:
            return "its time limits are more than 0"
        return ""
