"""The variables that lead programs in a jail to the gate: general ones, and those of toolchains.

Data only. Guards that a server which a test starts in the jail is reached directly.
"""

DOOR_PORT = 3128
"""Where the gate listens on the loopback of a jail that has a network of its own."""

_DIRECT = "localhost,127.0.0.1,::1"


def proxy_environment(port: int = DOOR_PORT) -> dict[str, str]:
    """Return the variables to set for every command."""
    url = f"http://127.0.0.1:{port}"
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    variables = {name: url for upper in names for name in (upper, upper.lower())}
    java = " ".join(
        f"-D{scheme}.proxyHost=127.0.0.1 -D{scheme}.proxyPort={port}"
        for scheme in ("http", "https")
    )
    return variables | {
        "NO_PROXY": _DIRECT,
        "no_proxy": _DIRECT,
        "PIP_PROXY": url,
        "npm_config_proxy": url,
        "npm_config_https_proxy": url,
        "npm_config_noproxy": _DIRECT,
        "CARGO_HTTP_PROXY": url,
        "CARGO_NET_GIT_FETCH_WITH_CLI": "true",
        "NODE_USE_ENV_PROXY": "1",
        "MAVEN_OPTS": java,
        "GRADLE_OPTS": java,
    }
