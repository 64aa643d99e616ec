"""One build for many proposals in Go, C++ and Java, with the real compilers."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from kodo.agent.projects.project import detect_project
from kodo.agent.strategies.search.trials.command import CommandGround
from kodo.agent.strategies.search.trials.proposal import Proposal
from kodo.agent.strategies.search.trials.schemata.ground import SchemataGround
from kodo.agent.strategies.search.trials.toolchains import toolchain_for
from kodo.sandboxes.jail import Jail
from kodo.sandboxes.ladder import open_copy

pytestmark = [pytest.mark.anyio, pytest.mark.full]

BODY = """\
    if (value < low) {
        return low;
    }
    if (value > low) {
        return high;
    }
    return value;
}
"""


@dataclass(frozen=True)
class Planted:
    """A project with one bug in `path`, and the program that it needs."""

    needs: str
    path: str
    files: dict[str, str]


GO = Planted(
    "go",
    "clamp.go",
    {
        "go.mod": "module example.com/clamp\n\ngo 1.18\n",
        "clamp.go": "package clamp\n\nfunc clamp(value, low, high int) int {\n"
        + BODY.replace("(", "").replace(")", "").replace("    ", "\t"),
        "clamp_test.go": (
            'package clamp\n\nimport "testing"\n\n'
            "func TestBelow(t *testing.T) {\n\tif clamp(1, 2, 5) != 2 {\n"
            '\t\tt.Error("below")\n\t}\n}\n\n'
            "func TestInside(t *testing.T) {\n\tif clamp(3, 2, 5) != 3 || clamp(9, 2, 5) != 5 {\n"
            '\t\tt.Error("inside")\n\t}\n}\n'
        ),
    },
)
CPP = Planted(
    "g++",
    "clamp.cpp",
    {
        "clamp.h": "int clamp(int value, int low, int high);\n",
        "clamp.cpp": '#include "clamp.h"\nint clamp(int value, int low, int high) {\n' + BODY,
        "test_clamp.cpp": (
            '#include "clamp.h"\n#include <cstdio>\nint main() {\n'
            "    int bad = (clamp(1, 2, 5) != 2) + (clamp(3, 2, 5) != 3) + (clamp(9, 2, 5) != 5);\n"
            '    std::printf("%d failed\\n", bad);\n    return bad != 0;\n}\n'
        ),
        "Makefile": (
            "test: tests\n\t./tests\n\ntests: clamp.cpp test_clamp.cpp\n"
            "\t$(CXX) -O2 -o $@ clamp.cpp test_clamp.cpp\n"
        ),
    },
)
JAVA = Planted(
    "javac",
    "Clamp.java",
    {
        "Clamp.java": (
            "public class Clamp {\nstatic int clamp(int value, int low, int high) {\n"
            + BODY
            + "}\n"
        ),
        "ClampTest.java": (
            "public class ClampTest {\n    public static void main(String[] words) {\n"
            "        int bad = 0;\n        if (Clamp.clamp(1, 2, 5) != 2) bad++;\n"
            "        if (Clamp.clamp(3, 2, 5) != 3) bad++;\n"
            "        if (Clamp.clamp(9, 2, 5) != 5) bad++;\n"
            '        System.out.println(bad + " failed");\n        System.exit(bad);\n    }\n}\n'
        ),
    },
)


@pytest.mark.parametrize("planted", [GO, CPP, JAVA], ids=["go", "c++", "java"])
async def test_many_bodies_in_one_build(planted: Planted, workspace: Path) -> None:
    if shutil.which(planted.needs) is None:
        pytest.skip(f"{planted.needs} is not installed")
    for path, text in planted.files.items():
        (workspace / path).write_text(text)
    environment = {"PATH": os.environ.get("PATH", ""), "GOCACHE": str(workspace / ".cache")}
    jail = Jail(workspace=workspace, home=workspace, environment=environment)
    scratch = await open_copy("local", jail)
    try:
        project = detect_project(workspace, which=shutil.which)
        command = next(command for command in project.test_commands if command.available)
        tools = toolchain_for(command)
        assert tools is not None
        ground = SchemataGround(scratch, tools, CommandGround(scratch, command))
        baseline = await ground.measure(Proposal({}, "baseline"), seconds=200)
        assert not baseline.trial.green
        text = planted.files[planted.path]
        pairs = [
            ("value > low", "value < high"),
            ("return high", "return missing"),
            ("value > low", "value > high"),
            ("return low", "return high"),
        ]
        proposals = [Proposal({planted.path: text.replace(*pair)}, "test") for pair in pairs]
        first = [test.name for test in baseline.trial.failing]
        tried = await ground.try_all(proposals, seconds=300, first=first)
        assert ground.fast
        found = [next(t for t in tried if t.proposal is proposal) for proposal in proposals]
        assert [trial.green for trial in found] == [False, False, True, False]
        assert "missing" in found[1].broken
        assert (scratch.root / planted.path).read_text() == text
        if planted is GO:
            ran = {one.test: one for one in baseline.coverage}
            assert {test: one.passed for test, one in ran.items()} == {
                "TestBelow": True,
                "TestInside": False,
            }
            assert ran["TestBelow"].lines["clamp.go"] == {3, 4, 5, 6}
    finally:
        await scratch.aclose()
