"""Secrets: what is found, what is not, and that no secret is ever repeated."""

import base64
import random
import string
import zlib

import msgspec
import pytest

from kodo.scan.findings import Weakness
from kodo.scan.secrets.finder import find_secrets

CHANCE = random.Random(20)
BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


def chars(count: int, alphabet: str = BASE62) -> str:
    """Return random text that no placeholder word spoils."""
    return "".join(CHANCE.choice(alphabet) for _ in range(count))


def with_checksum(prefix: str, count: int) -> str:
    """Return a token as GitHub makes them: random text, then its CRC-32 in base 62."""
    body = chars(count)
    number, digits = zlib.crc32(body.encode()), ""
    while number:
        number, digit = divmod(number, 62)
        digits = BASE62[digit] + digits
    return prefix + body + digits.rjust(6, "0")


def find(text: str, path: str = "src/app.py") -> list[Weakness]:
    return find_secrets(path, text.encode())


def aws_key_id() -> str:
    account = 123_456_789_012
    raw = (account << 7).to_bytes(6, "big") + bytes(CHANCE.randrange(256) for _ in range(4))
    return "AK" + "IA" + base64.b32encode(raw).decode()


KNOWN = {
    "aws-key-id": aws_key_id(),
    "github-token": with_checksum("gh" + "p_", 30),
    "npm-token": with_checksum("np" + "m_", 30),
    "gitlab-token": "gl" + "pat-" + chars(20),
    "stripe-key": "sk_" + "live_" + chars(24),
    "google-api-key": "AI" + "za" + chars(35),
    "sendgrid-key": "S" + "G." + chars(22) + "." + chars(43),
    "slack-token": "xo" + "xb-" + "2847519036-5830174926-" + chars(24),
    "openai-key": "sk-" + "proj-" + chars(40) + "T3Blbk" + "FJ" + chars(40),
    "anthropic-key": "sk-" + "ant-api03-" + chars(93),
    "hugging-face-token": "h" + "f_" + chars(34, string.ascii_letters),
    "azure-storage-key": "Account" + "Key=" + chars(86) + "==",
    "pypi-token": "pypi-" + "AgEIcHlwaS5vcmc" + chars(60),
    "digitalocean-token": "dop" + "_v1_" + chars(64, "0123456789abcdef"),
}


@pytest.mark.parametrize("name", KNOWN)
def test_a_known_format_is_found_and_never_repeated(name: str) -> None:
    token = KNOWN[name]
    [found] = find(f"# one\nvalue = '{token}'\n")
    assert (found.rule, found.line, found.column) == (f"secret.{name}", 2, 10)
    assert (found.severity, found.confidence, found.cwe) == ("error", "high", 798)
    assert token not in msgspec.json.encode(found).decode()


def test_a_token_whose_checksum_is_wrong_is_no_token() -> None:
    token = KNOWN["github-token"]
    assert not find(f"value = '{token[:-1] + ('a' if token[-1] != 'a' else 'b')}'\n")


def test_the_fingerprint_tells_two_tokens_apart() -> None:
    one, other = (with_checksum("ghp_", 30) for _ in range(2))
    first, second = find(f"a = '{one}'\nb = '{other}'\n")
    assert first.fingerprint != second.fingerprint


@pytest.mark.parametrize(
    "path", ["tests/test_app.py", "docs/setup.md", "examples/app.py", "src/FooTest.java"]
)
def test_in_tests_and_examples_only_what_proves_itself_is_told_and_as_a_warning(path: str) -> None:
    text = f"a = '{KNOWN['github-token']}'\nb = '{KNOWN['stripe-key']}'\npassword = 'Xk29fmQp7'\n"
    assert [(one.rule, one.severity) for one in find(text, path)] == [
        ("secret.github-token", "warning")
    ]


@pytest.mark.parametrize(
    "line",
    [
        "password = 'changeme123'",
        "password = 'your-password-here1'",
        "password = os.environ['PASSWORD']",
        "api_key = '${API_KEY_VALUE_1}'",
        "secret_name = 'projects/7/secrets/db-2'",
        "token = 'aaaaaaaaaaaaaaaa1'",
        "token_url = 'https://auth.corp.net/oauth2/v1'",
        "PASSWORD_FIELD = 'id_password_2'",
        "api_key = '1234567890abcdef'",
        "aws = 'AKIAIOSFODNN7EXAMPLE'",
        "url = 'postgres://user:password@localhost/db'",
        "url = 'postgres://app:s3cr3tXyz@127.0.0.1/db'",
        "url = 'https://user:pass@example.com'",
        "password: string;",
        "def check(password='x'): ...",
        'label = "Password must have 8 characters"',
    ],
)
def test_what_only_looks_like_a_secret_is_let_go(line: str) -> None:
    assert find(line + "\n") == []


def test_a_telling_name_makes_a_secret_of_chance_text() -> None:
    [found] = find('DB_PASSWORD = "gT7#kLm2!vQ9"\n')
    assert (found.rule, found.severity) == ("secret.password", "warning")
    assert "gT7#" not in msgspec.json.encode(found).decode()
    [found] = find(f'const apiKey = "{chars(32)}";\n', "src/app.js")
    assert (found.rule, found.confidence) == ("secret.key", "medium")


def test_settings_files_need_no_quotes() -> None:
    [found] = find(f"DB_HOST=db.corp.net\nDB_PASSWORD={chars(20)}\n", ".env")
    assert (found.rule, found.line) == ("secret.password", 2)
    assert find(f"DB_PASSWORD={chars(20)}\n", "src/app.py") == []


def test_a_password_in_an_address_is_found_and_its_host_is_what_counts() -> None:
    [found] = find('url = "postgres://svc:Gx7pQ2vLm9@db.corp.net:5432/app"\n')
    assert (found.rule, found.severity) == ("secret.connection", "error")
    assert "postgres://svc" in found.message
    assert "Gx7pQ2vLm9" not in found.message
    [found] = find('s = "Server=db.corp.net;Database=x;User Id=sa;Password=Kf82hslQ;"\n', "a.cs")
    assert found.rule == "secret.connection"


def pem(size: int, kind: str = "RSA ") -> str:
    body = bytes(CHANCE.randrange(256) for _ in range(size - 4))
    der = b"\x30\x82" + len(body).to_bytes(2, "big") + body
    text = base64.encodebytes(der).decode().strip()
    return f"-----BEGIN {kind}PRIVATE" + f" KEY-----\n{text}\n-----END {kind}PRIVATE KEY-----\n"


def test_a_private_key_is_found_only_where_its_body_is_one() -> None:
    [found] = find(pem(600), "deploy.pem")
    assert (found.rule, found.cwe, found.line) == ("secret.private-key", 321, 1)
    assert (
        find("-----BEGIN PRIVATE" + " KEY-----\n" + "A" * 64 + "\n-----END PRIVATE KEY-----\n")
        == []
    )
    inside = 'KEY = "' + pem(600).strip().replace("\n", '\\n" +\n  "') + '";\n'
    assert [one.rule for one in find(inside, "src/app.js")] == ["secret.private-key"]


def test_a_signed_web_token_is_found_and_an_unsigned_one_is_not() -> None:
    def token(algorithm: str) -> str:
        pieces = [f'{{"alg":"{algorithm}","typ":"JWT"}}', f'{{"sub":"{chars(12)}"}}']
        coded = [base64.urlsafe_b64encode(one.encode()).decode().rstrip("=") for one in pieces]
        return ".".join([*coded, chars(43)])

    assert [one.rule for one in find(f"t = '{token('HS256')}'\n")] == ["secret.json-web-token"]
    assert find(f"t = '{token('none')}'\n") == []


@pytest.mark.parametrize(
    ("path", "line", "is_told"),
    [
        ("a.py", 'PASSWORD = "sunshine"', True),
        ("a.py", 'DB_PASSWORD: str = "admin1"  # of the database', True),
        ("A.java", '    private static final String PASSWORD = "sommer42";', True),
        ("a.js", "const ADMIN_PASSWORD = 'winter';", True),
        ("a.go", 'const PASSWORD = "dragon"', True),
        ("a.py", 'PASSWORD = "password"', False),
        ("a.py", 'RESET_PASSWORD = "reset-password"', False),
        ("a.py", 'PASSWORD = os.environ["PASSWORD"]', False),
        ("a.py", 'FORGOT_PASSWORD = "/forgot"', False),
        ("a.py", 'password = "sunshine"', False),
        ("tests/a.py", 'PASSWORD = "sunshine"', False),
    ],
)
def test_a_constant_named_password_holds_one_however_simple(
    path: str, line: str, is_told: bool
) -> None:
    found = find_secrets(path, line.encode())
    assert [one.rule for one in found] == (["secret.password"] if is_told else [])
