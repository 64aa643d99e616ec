"""What a name says about its value: passwords are taken out, the shell's own folders are not."""

import pytest

from kodo.base.redaction import Redactor, is_secret_name, secret_values


@pytest.mark.parametrize(
    "name", ["DB_PWD", "pwd", "MYSQL_PWD", "AUTHORIZATION", "AUTHOR_TOKEN", "GIT_AUTHOR_PASSWORD"]
)
def test_a_name_of_a_secret(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["PWD", "OLDPWD", "GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "AUTHOR"])
def test_a_name_of_no_secret(name: str) -> None:
    assert not is_secret_name(name)


def test_the_folder_of_the_shell_stays_readable() -> None:
    variables = {"PWD": "/home/someone/project", "DB_PWD": "correct horse"}
    shown = Redactor(secret_values(variables)).text("/home/someone/project/a.py: correct horse")
    assert shown == "/home/someone/project/a.py: [secret DB_PWD]"


@pytest.mark.parametrize("prefix", ["", "  2\t"])
def test_a_private_key_that_was_cut_is_taken_out(prefix: str) -> None:
    lines = "\n".join(prefix + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC" for _ in range(3))
    shown = Redactor({}).text(f"head of it\n-----BEGIN RSA PRIVATE KEY-----\n{lines}\nrest")
    assert "MIIE" not in shown
    assert shown.startswith("head of it\n")
    assert shown.endswith("\nrest")
