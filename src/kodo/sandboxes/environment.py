"""The environment that commands see: what toolchains need, and nothing that could be a key.

An allow list, because nobody can list all the names of secrets. Knows no sandbox.
"""

import re
from collections.abc import Mapping

_PASSED_NAMES = """
    PATH LANG LANGUAGE TERM TZ USER LOGNAME SHELL NO_COLOR SSL_CERT_FILE SSL_CERT_DIR CARGO_HOME
    RUSTUP_HOME RUSTUP_TOOLCHAIN RUSTFLAGS RUST_BACKTRACE GOROOT GOPATH GOBIN GOFLAGS GOMODCACHE
    GOTOOLCHAIN GOPROXY GOSUMDB CGO_ENABLED JAVA_HOME MAVEN_HOME M2_HOME GRADLE_HOME SDKMAN_DIR
    PYENV_ROOT PYENV_VERSION VIRTUAL_ENV CONDA_PREFIX PYTHONUNBUFFERED PYTHONDONTWRITEBYTECODE
    NVM_DIR NVM_BIN VOLTA_HOME FNM_DIR NODE_PATH NODE_ENV GEM_HOME GEM_PATH RBENV_ROOT
    RBENV_VERSION CC CXX AR LD CFLAGS CXXFLAGS CPPFLAGS LDFLAGS MAKEFLAGS CMAKE_GENERATOR
    CMAKE_PREFIX_PATH PKG_CONFIG_PATH LD_LIBRARY_PATH LIBRARY_PATH CPATH NIX_SSL_CERT_FILE
    NIX_PATH DEBIAN_FRONTEND
"""
_PASSED = frozenset(_PASSED_NAMES.split())
_NET_PASSED_NAMES = """
    http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY ALL_PROXY PIP_INDEX_URL
    PIP_CERT REQUESTS_CA_BUNDLE CURL_CA_BUNDLE NODE_EXTRA_CA_CERTS GIT_SSL_CAINFO
"""
_NET_PASSED = frozenset(_NET_PASSED_NAMES.split())
_CREDENTIAL_IN_URL = re.compile(r"://[^/\s@]+@")

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def scrub(environment: Mapping[str, str], home: str, *, allow_net: bool) -> dict[str, str]:
    """Return the variables of `environment` that commands may see, with HOME set to `home`.

    Values that carry a user or password in a URL are dropped. Proxies and certificate bundles
    pass only where the network does.
    """
    allowed = _PASSED | _NET_PASSED if allow_net else _PASSED
    kept = {
        name: value
        for name, value in environment.items()
        if (name in allowed or name.startswith("LC_")) and not _CREDENTIAL_IN_URL.search(value)
    }
    kept.setdefault("PATH", DEFAULT_PATH)
    kept.setdefault("LANG", "C.UTF-8")
    kept.setdefault("TERM", "dumb")
    kept["HOME"] = home
    kept["GIT_OPTIONAL_LOCKS"] = "0"  # `git status` in a repository that is read-only
    return kept
