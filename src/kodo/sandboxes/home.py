"""What a jail shows of the user's home: toolchains, read-only, and never a credential.

Hidden entries of a home are where credentials live, so they are shown by an allow list. Decides
only; the mounting is the rung's.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

_TOOLCHAINS_NAMES = """
    .rustup .pyenv .rbenv .rvm .nvm .fnm .volta .asdf .sdkman .jenv .goenv .nodenv .deno .bun
    .juliaup .julia .ghcup .opam .elan .dotnet .gem .jdks .conda .pixi .linuxbrew .nix-profile
    .venv .venvs .virtualenvs .poetry .npm-global .npm-packages .node_modules .yarn .cargo/bin
    .cargo/env .cargo/config.toml .cache/ms-playwright .local/bin .local/lib .local/pipx
    .local/share/uv .local/share/pipx .local/share/fnm .local/share/mise .local/share/pnpm
    .local/share/virtualenvs
"""
_TOOLCHAINS = tuple(_TOOLCHAINS_NAMES.split())
_OFFLINE_CACHES = (".cargo/registry", ".cargo/git", ".m2/repository", "go/pkg")
"""Filled by an earlier fetch; without a network they are only read, with one they must be new."""

_CREDENTIALS_NAMES = """
    .ssh .aws .azure .gnupg .netrc .git-credentials .docker .kube .npmrc .pypirc .terraformrc
    .terraform.d .password-store .mozilla .vault-token .boto .s3cfg .pgpass .my.cnf .env
    .bash_history .zsh_history .python_history .config/gh .config/gcloud .config/hub .config/op
    .config/git .config/pip .config/google-chrome .config/chromium .config/rclone .config/sops
    .config/kodo .local/share/kodo .local/share/keyrings .cargo/credentials
    .cargo/credentials.toml .gem/credentials .m2/settings.xml .m2/settings-security.xml
    .gradle/gradle.properties .codex .claude .claude.json .gemini .anthropic .openai
"""
_CREDENTIALS = tuple(_CREDENTIALS_NAMES.split())
_SYSTEM_SECRETS = ("/etc/shadow", "/etc/gshadow", "/etc/shadow-", "/etc/gshadow-", "/etc/sudoers")


def shown(home: Path, environment: Mapping[str, str], *, allow_net: bool) -> list[Path]:
    """Return the paths below `home` that are to be seen read-only, parents before children.

    Visible folders are all shown, as projects refer to their neighbours; hidden entries only
    where they are toolchains, or where PATH or a toolchain's variable names them.
    """
    found = [home / name for name in _TOOLCHAINS if (home / name).exists()]
    try:
        visible = [Path(e.path) for e in os.scandir(home) if e.name[0] != "." and e.is_dir()]
    except OSError:
        visible = []
    if allow_net:
        visible = [path for path in visible if path.name != "go"]
        found += [path for path in (home / "go/bin",) if path.exists()]
    else:
        found += [home / name for name in _OFFLINE_CACHES if (home / name).exists()]
    found += visible
    found += [path for path in _named(environment) if home in path.parents and path.exists()]
    hidden = credentials(home)
    return outermost([p for p in found if not any(h == p or h in p.parents for h in hidden)])


def credentials(home: Path) -> list[Path]:
    """Return the files and folders below `home` that hold credentials and exist."""
    return [home / name for name in _CREDENTIALS if (home / name).exists()]


def possible_credentials(home: Path) -> list[Path]:
    """Return the paths below `home` where credentials would lie, whether they exist or not."""
    return [home / name for name in _CREDENTIALS]


def hidden(home: Path, secrets: Iterable[Path]) -> list[Path]:
    """Return the user's credentials and `secrets` where they really lie: symlinks resolved."""
    return [Path(os.path.realpath(path)) for path in (*credentials(home), *secrets)]


def system_secrets() -> list[Path]:
    """Return the files of the system that hold password hashes and exist."""
    return [path for name in _SYSTEM_SECRETS if (path := Path(name)).exists()]


def _named(environment: Mapping[str, str]) -> Iterator[Path]:
    for entry in environment.get("PATH", "").split(":"):
        if entry.startswith("/"):
            yield Path(os.path.normpath(entry))
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX", "RUSTUP_HOME", "PYENV_ROOT", "JAVA_HOME", "GOROOT"):
        if environment.get(name, "").startswith("/"):
            yield Path(os.path.normpath(environment[name]))


def outermost(paths: Iterable[Path]) -> list[Path]:
    """Drop what lies below another path of the list."""
    kept: list[Path] = []
    for path in sorted(set(paths)):
        if not kept or (kept[-1] != path and kept[-1] not in path.parents):
            kept.append(path)
    return kept
