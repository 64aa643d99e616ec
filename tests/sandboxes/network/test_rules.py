"""Patterns of hosts, presets, and addresses that nobody may reach."""

import pytest

from kodo.base.errors import ConfigError
from kodo.sandboxes.network.addresses import is_metadata, is_public, parse_address
from kodo.sandboxes.network.rules import make_rules, presets

REGISTRY = next(iter(presets()["python"]))


@pytest.mark.parametrize(
    ("pattern", "host", "port", "verdict"),
    [
        ("example.org", "example.org", 443, "allow"),
        ("example.org", "EXAMPLE.org.", 80, "allow"),
        ("example.org", "example.org", 22, "deny"),
        ("example.org", "sub.example.org", 443, "deny"),
        ("example.org", "example.org.evil.net", 443, "deny"),
        ("example.org", "evilexample.org", 443, "deny"),
        ("*.example.org", "a.b.example.org", 443, "allow"),
        ("*.example.org", "example.org", 443, "deny"),
        ("*.example.org", "evilexample.org", 443, "deny"),
        ("example.org:8443", "example.org", 8443, "allow"),
        ("example.org:8443", "example.org", 443, "deny"),
        ("*", "anything.net", 443, "allow"),
        ("*", "anything.net", 25, "deny"),
        ("[2001:db8::1]:8080", "2001:db8::1", 8080, "allow"),
        ("@python", REGISTRY, 443, "allow"),
        ("@python", "evil.org", 443, "deny"),
    ],
)
def test_patterns(pattern: str, host: str, port: int, verdict: str) -> None:
    assert make_rules([pattern]).judge(host, port) == verdict


def test_deny_outweighs_allow_and_ask_comes_last() -> None:
    rules = make_rules(["*.example.org"], ask=["*"], deny=["bad.example.org"])
    assert rules.judge("bad.example.org", 443) == "deny"
    assert rules.judge("good.example.org", 443) == "allow"
    assert rules.judge("other.net", 443) == "ask"


@pytest.mark.parametrize(
    "text", ["", "https://example.org", "a b", "ex*ample.org", "host:0", "host:x", "@cobol", "a/b"]
)
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        make_rules([text])


def test_there_is_a_preset_for_each_language() -> None:
    languages = {"python", "javascript", "typescript", "rust", "go", "java", "cpp", "ruby"}
    assert set(presets()) == languages
    for name, hosts in presets().items():
        rules = make_rules([f"@{name}"])
        assert all(rules.judge(host, 443) == "allow" for host in hosts)


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1",
        "127.1",
        "0x7f000001",
        "2130706433",
        "0177.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "168.63.129.16",
        "::1",
        "::",
        "fe80::1%eth0",
        "fc00::1",
        "fd00:ec2::254",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::1",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ],
)
def test_an_address_that_is_not_public(text: str) -> None:
    address = parse_address(text)
    assert address is not None
    assert not is_public(address)


def test_public_addresses_and_names() -> None:
    for text in ("93.184.215.14", "2606:2800:220:1::1", "64:ff9b::5db8:d70e"):
        address = parse_address(text)
        assert address is not None
        assert is_public(address)
        assert not is_metadata(address)
    for text in ("example.org", "1.2.3.4.5", "0x", "a.1", "1..2"):
        assert parse_address(text) is None
