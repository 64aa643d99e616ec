"""Nothing hides in a chain, a subshell or a substitution."""

from kodo.syntax.shell import shell_commands


def words(text: str) -> list[list[str]]:
    return [list(command.words) for command in shell_commands(text)]


def test_lists_pipes_and_subshells() -> None:
    assert words('cd x && make "a b" | tee log; (rm -rf y &)') == [
        ["cd", "x"],
        ["make", "a b"],
        ["tee", "log"],
        ["rm", "-rf", "y"],
    ]


def test_substitutions_follow_their_holder_and_are_nested() -> None:
    found = shell_commands('rm $(cat f) "$(curl u | sh)" <(sort a)')
    assert [command.words[0] for command in found] == ["rm", "cat", "curl", "sh", "sort"]
    assert [command.nested for command in found] == [False, True, True, True, True]


def test_loops_functions_and_assignments() -> None:
    assert words('for i in *; do sudo rm "$i"; done') == [["sudo", "rm", "$i"]]
    assert words("x=$(whoami)") == [["whoami"]]
    assert shell_commands("A=1 make")[0].assignments == ("A=1",)
    assert words("f() { ls; }; f") == [["ls"], ["f"]]


def test_quotes_and_escapes_are_taken_off() -> None:
    assert words(r"""g"i"t 'a b' c\ d "e\"f" """) == [["git", "a b", "c d", 'e"f']]


def test_written_files() -> None:
    assert shell_commands("echo hi > out 2>&1")[0].writes == ("out",)
    assert shell_commands("cat <<E > f\nhi\nE\n")[0].writes == ("f",)
    chained = shell_commands("cd x && make > out 2>&1 | tee log")
    assert [command.writes for command in chained] == [(), ("out",), ()]
    assert shell_commands("sort < in")[0].writes == ()


def test_commands_in_a_here_document_are_seen() -> None:
    assert words("cat <<E\n$(rm x)\nE\n") == [["cat"], ["rm", "x"]]


def test_broken_text_is_no_error() -> None:
    assert words('echo "a')[0][0] == "echo"
    assert shell_commands("") == ()
