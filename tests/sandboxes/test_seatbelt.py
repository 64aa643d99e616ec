"""The Seatbelt profile, as text."""

from pathlib import Path

import pytest

from kodo.core.sandbox import Profile
from kodo.sandboxes.jail import Jail
from kodo.sandboxes.seatbelt import seatbelt_profile


def rules(text: str) -> list[str]:
    """Return the rules of a profile, and see that it is well formed."""
    outside_quotes = "".join(text.replace('\\"', "").split('"')[::2])
    assert outside_quotes.count("(") == outside_quotes.count(")")
    assert text.startswith("(version 1)\n")
    return text.splitlines()[1:]


def profile(workspace: Path, profile: Profile, *, allow_net: bool = False) -> list[str]:
    """Return the rules for a workspace with a repository."""
    (workspace / "sub/.git").mkdir(parents=True, exist_ok=True)
    jail = Jail(workspace, Path("/Users/me"), {}, profile, allow_net=allow_net)
    return rules(seatbelt_profile(jail, Path("/private/tmp/kodo")))


def test_everything_is_denied_first_and_secrets_last(workspace: Path) -> None:
    found = profile(workspace, "workspace-write")
    assert found[0] == "(deny default)"
    allowed = next(rule for rule in found if rule.startswith("(allow file-write*"))
    assert allowed == (f'(allow file-write* (subpath "/private/tmp/kodo") (subpath "{workspace}"))')
    after = found[found.index(allowed) :]
    secrets = next(rule for rule in after if rule.startswith("(deny file-read* file-write*"))
    assert '(subpath "/Users/me/.ssh")' in secrets
    kept = next(rule for rule in after if rule.startswith("(deny file-write* "))
    for name in (".git", ".kodo", "sub/.git"):
        assert f'(subpath "{workspace / name}")' in kept
    assert f'(deny file-write-unlink (literal "{workspace / "sub"}"))' in after


def test_profiles_and_network(workspace: Path) -> None:
    read_only = profile(workspace, "read-only")
    assert '(allow file-write* (subpath "/private/tmp/kodo"))' in read_only
    assert not any(rule == "(allow network* system-socket)" for rule in read_only)
    assert "(allow network* system-socket)" in profile(workspace, "read-only", allow_net=True)
    assert profile(workspace, "full") == ["(allow default)"]


@pytest.mark.parametrize("name", ['a"b', "a\\b", 'x") (allow default) ("'])
def test_names_cannot_end_their_quotes(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    found = profile(folder, "workspace-write")
    assert "(allow default)" not in found
    escaped = str(folder).replace("\\", "\\\\").replace('"', '\\"')
    assert any(f'(subpath "{escaped}")' in rule for rule in found)
