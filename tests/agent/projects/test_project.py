"""A workspace's languages and tests are told by its files; what people state comes first."""

import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import pytest

from kodo.agent.projects import project as project_module
from kodo.agent.projects.project import Project, detect_project, is_test_file, probe_tools
from kodo.agent.projects.testcommand import TestCommand
from kodo.base.process import run_process
from kodo.core.sandbox import ExecResult


def everything(program: str) -> str | None:
    return f"/usr/bin/{program}"


def nothing(_program: str) -> str | None:
    return None


def make(root: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, "utf-8")


def detect(root: Path, files: Mapping[str, str], *, task: str = "") -> Project:
    make(root, files)
    return detect_project(
        root, which=everything, python_modules=frozenset({"pytest", "unittest"}), task=task
    )


def first(project: Project) -> TestCommand:
    return project.test_commands[0]


def test_languages_are_counted_and_vendored_folders_skipped(workspace: Path) -> None:
    project = detect(
        workspace,
        {
            "a.py": "",
            "b/c.py": "",
            "x.js": "",
            "node_modules/q/z.js": "",
            ".venv/lib/y.py": "",
            "README.md": "",
            "test_a.py": "def test_a(): pass",
        },
    )
    assert project.languages == ("python", "javascript")
    assert project.source_files == ("a.py", "x.js", "b/c.py")
    assert project.test_files == ("test_a.py",)
    assert not project.truncated


def test_an_empty_workspace_has_nothing(workspace: Path) -> None:
    assert detect(workspace, {}) == Project()


def test_the_walk_is_capped(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project_module, "MAX_FILES", 3)
    project = detect(workspace, {f"f{number}.py": "" for number in range(9)})
    assert project.truncated
    assert len(project.source_files) == 3


def test_a_link_out_of_the_workspace_is_not_followed(workspace: Path, tmp_path: Path) -> None:
    make(tmp_path / "outside", {"secret.py": ""})
    (workspace / "link").symlink_to(tmp_path / "outside")
    assert detect(workspace, {"a.py": ""}).source_files == ("a.py",)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("test_a.py", True),
        ("a_test.py", True),
        ("tests/helpers.py", True),
        ("contest.py", False),
        ("src/a.test.tsx", True),
        ("__tests__/a.js", True),
        ("src/latest.js", False),
        ("a_test.go", True),
        ("tests/it.rs", True),
        ("src/test/java/A.java", True),
        ("src/main/java/Attest.java", False),
        ("FooTest.java", True),
        ("spec/a_spec.rb", True),
        ("notes.md", False),
    ],
)
def test_test_files_are_known_by_name(path: str, *, expected: bool) -> None:
    assert is_test_file(path) is expected


def test_pytest(workspace: Path) -> None:
    project = detect(workspace, {"a.py": "", "tests/test_a.py": "def test_a(): pass\n"})
    command = first(project)
    assert command.command == ("python3", "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert command.for_test("tests/test_a.py", "test_a") == (
        *command.command,
        "tests/test_a.py::test_a",
    )
    assert command.env == {"PYTHONDONTWRITEBYTECODE": "1"}


def test_unittest_where_pytest_is_missing(workspace: Path) -> None:
    make(workspace, {"test_a.py": "import unittest\nclass A(unittest.TestCase): pass\n"})
    project = detect_project(workspace, which=everything)
    command = first(project)
    assert command.command == ("python3", "-m", "unittest")
    assert command.for_test("test_a.py", "A.test_x") == (
        "python3",
        "-m",
        "unittest",
        "test_a.A.test_x",
    )


@pytest.mark.anyio
async def test_plain_functions_run_without_pytest(workspace: Path) -> None:
    make(
        workspace,
        {
            "calc.py": "def half(x):\n    return x / 3\n",
            "test_calc.py": "import pytest\nfrom calc import half\n\n"
            "@pytest.mark.parametrize('x', [0, 4])\n"
            "def test_half(x):\n    assert half(x) == x / 2\n\n"
            "def test_raises():\n    with pytest.raises(TypeError):\n        half(None)\n\n"
            "def test_near():\n    assert 0.1 + 0.2 == pytest.approx(0.3)\n",
        },
    )
    project = detect_project(workspace, which=everything)
    command = first(project)
    assert command.runner == "tiny"
    argv = command.for_file("test_calc.py")
    assert argv is not None
    # -S: without site-packages, so that this Python has no pytest either.
    done = await run_process([sys.executable, "-S", *argv[1:]], cwd=workspace, timeout_s=60)
    text = done.output.decode()
    assert done.exit_code == 1
    assert "FAILED test_calc.py::test_half[1] - AssertionError" in text
    assert "1 failed, 3 passed, 0 errors" in text


def test_package_json(workspace: Path) -> None:
    project = detect(
        workspace,
        {
            "package.json": '{"scripts": {"test": "jest"}, "devDependencies": {"jest": "1"}}',
            "a.spec.js": "",
        },
    )
    command = first(project)
    assert command.command == ("npm", "test", "--silent")
    assert command.runner == "jest"
    assert command.for_test("a.spec.js", "group › adds") == (
        "npx",
        "--no-install",
        "jest",
        "a.spec.js",
        "-t",
        "group adds",
    )


def test_the_placeholder_script_of_npm_is_no_test(workspace: Path) -> None:
    project = detect(
        workspace,
        {
            "package.json": '{"scripts": {"test": "echo no test specified && exit 1"}}',
            "a.test.js": "",
        },
    )
    assert first(project).command == ("node", "--test", "a.test.js")


def test_a_broken_package_json_is_not_an_error(workspace: Path) -> None:
    project = detect(workspace, {"package.json": "{", "a.test.mjs": ""})
    assert first(project).runner == "node"


@pytest.mark.parametrize(
    ("files", "command", "runner"),
    [
        ({"Cargo.toml": "", "src/lib.rs": ""}, "cargo test --offline", "cargo"),
        (
            {"Cargo.toml": "", "tests/a.rs": "#[test]\n#[ignore]\nfn a() {}\n"},
            "cargo test --offline -- --include-ignored",
            "cargo",
        ),
        ({"go.mod": "", "a.go": "", "a_test.go": ""}, "go test -v ./...", "go"),
        ({"pom.xml": "", "src/main/java/A.java": ""}, "mvn -o -q -B test", "maven"),
        (
            {"build.gradle": "", "gradlew": "", "A.java": ""},
            "./gradlew --offline --console=plain test",
            "gradle",
        ),
        ({"Makefile": "check: all\n\t./t\n", "a.cpp": ""}, "make -s check", "make"),
        ({"Rakefile": "Rake::TestTask.new", "test/test_a.rb": ""}, "rake test", "minitest"),
        ({"spec/a_spec.rb": "", "a.rb": ""}, "rspec", "rspec"),
        (
            {"test_a.rb": "", "a.rb": ""},
            "ruby -I. -Ilib -Itest test_a.rb",
            "minitest",
        ),
    ],
)
def test_build_files_name_the_command(
    workspace: Path, files: dict[str, str], command: str, runner: str
) -> None:
    found = first(detect(workspace, files))
    assert (found.text, found.runner) == (command, runner)


def test_cmake_builds_outside_the_workspace(workspace: Path) -> None:
    command = first(detect(workspace, {"CMakeLists.txt": "", "a.cpp": ""}))
    assert isinstance(command.command, str)
    assert "ctest --test-dir" in command.command
    assert "${TMPDIR:-/tmp}" in command.command


def test_a_single_c_file_and_plain_java_are_compiled(workspace: Path, tmp_path: Path) -> None:
    c = first(detect(workspace, {"a.c": "int f();", "test_a.c": "int main() {}"}))
    assert "gcc -std=c11" in c.text
    assert "a.c" in c.text
    java = first(
        detect(
            tmp_path / "java",
            {"A.java": "", "ATest.java": "class ATest { public static void main(String[] a) {} }"},
        )
    )
    assert java.runner == "java"
    assert "java -ea" in java.text


def test_what_is_not_installed_comes_last(workspace: Path) -> None:
    make(workspace, {"Cargo.toml": "", "src/lib.rs": "", "Makefile": "test:\n\tcargo test\n"})
    found = detect_project(workspace, which=lambda name: "/bin/make" if name == "make" else None)
    assert [(command.runner, command.available) for command in found.test_commands] == [
        ("make", True),
        ("cargo", False),
    ]
    assert not any(c.available for c in detect_project(workspace, which=nothing).test_commands)


@pytest.mark.parametrize(
    ("task", "command"),
    [
        ("Fix it. run with: make test", ("make", "test")),
        ("Run the tests with `python3 -m pytest -q tests/test_a.py`.", None),
        ("The check is `./run.sh test`", ("./run.sh", "test")),
        ("Please make `npm test` pass", ("npm", "test")),
        ("verify by running: `cargo test --quiet`", ("cargo", "test", "--quiet")),
        ("Use `FOO=1`; check with: `make check | tail -1`", "make check | tail -1"),
    ],
)
def test_a_command_in_the_task_wins(
    workspace: Path, task: str, command: tuple[str, ...] | str | None
) -> None:
    files = {"a.py": "", "tests/test_a.py": "def test_a(): pass\n"}
    found = first(detect(workspace, files, task=task))
    assert found.origin == "stated"
    expected = command or ("python3", "-m", "pytest", "-q", "tests/test_a.py")
    assert found.command == expected


def test_a_stated_command_knows_single_tests_of_its_runner(workspace: Path) -> None:
    files = {"a.py": "", "test_a.py": "def test_a(): pass\n"}
    found = first(detect(workspace, files, task="`pytest -x` must pass"))
    assert found.command == ("pytest", "-x")
    assert found.for_file("test_a.py") is not None


@pytest.mark.parametrize(
    "task", ["make it work", "rename `python` to `snake`", "the go button is `red`", "`node.value`"]
)
def test_prose_is_not_a_command(workspace: Path, task: str) -> None:
    found = detect(workspace, {"test_a.py": "def test_a(): pass"}, task=task)
    assert all(command.origin != "stated" for command in found.test_commands)


def test_agents_md_is_read(workspace: Path) -> None:
    files = {
        "AGENTS.md": "# How\n\n```sh\npip install x\nmake test-fast\n```\n",
        "test_a.py": "def test_a(): pass",
    }
    assert first(detect(workspace, files)).command == ("make", "test-fast")


class Replaying:
    """A sandbox that runs on this host, for the one probe."""

    name = "replaying"
    guarantees = frozenset[str]()

    def __init__(self, output: bytes) -> None:
        self.output = output
        self.commands: list[Sequence[str] | str] = []

    async def exec(
        self,
        command: Sequence[str] | str,
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        timeout_s: float = 120,
        max_output_bytes: int = 1 << 20,
        on_output: Callable[[bytes], Awaitable[None]] | None = None,
    ) -> ExecResult:
        self.commands.append(command)
        return ExecResult(0, self.output, 0.0)

    async def read(self, path: Path) -> bytes:
        raise NotImplementedError

    async def write(self, path: Path, data: bytes) -> None:
        raise NotImplementedError

    async def aclose(self) -> None:
        return


@pytest.mark.anyio
async def test_the_probe_reads_programs_and_modules() -> None:
    sandbox = Replaying(b"program python3 /usr/bin/python3\nnoise\nmodule pytest\n")
    tools = await probe_tools(sandbox)  # pyright: ignore[reportArgumentType]
    assert tools.which("python3") == "/usr/bin/python3"
    assert tools.which("cargo") is None
    assert tools.python_modules == {"pytest"}
    (script,) = sandbox.commands
    assert isinstance(script, str)
    done = await run_process(["bash", "-c", script], timeout_s=60)
    assert b"module unittest" in done.output
