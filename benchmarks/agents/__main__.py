"""Run coding agents side by side on a folder of tasks and say how many each one solves.

Task by task, each agent gets a fresh workspace, the same prompt and the same minutes; the next task
lets another agent begin. A result is one JSON line; what the file holds already is not run again.
"""

import argparse
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from benchmarks.agents.commands import run
from benchmarks.agents.report import Result, lines, read_results
from benchmarks.agents.tasks import TaskFolder, fault, read_tasks

TAIL_BYTES = 2_000


class Agent(msgspec.Struct, frozen=True):
    """A name and a command with `{workspace}` and `{prompt}` in it."""

    name: str
    command: tuple[str, ...]

    def arguments(self, workspace: Path, prompt: str) -> list[str]:
        """Return the command for one task; no shell reads it."""
        return [
            part.replace("{workspace}", str(workspace)).replace("{prompt}", prompt)
            for part in self.command
        ]


def read_agent(text: str) -> Agent:
    """Read NAME=COMMAND; the command must ask for the prompt somewhere."""
    name, _, command = text.partition("=")
    if not name or "{prompt}" not in command:
        raise argparse.ArgumentTypeError(f"{text!r}: write NAME=COMMAND with {{prompt}} in it")
    return Agent(name, tuple(shlex.split(command)))


def attempt(agent: Agent, folder: TaskFolder, limit_s: float) -> Result:
    """Let one agent try one task in a workspace of its own, then grade what it left there."""
    with tempfile.TemporaryDirectory(prefix="agents_") as scratch:
        workspace, log = Path(scratch, "workspace"), Path(scratch, "agent.log")
        folder.copy_workspace(workspace)
        arguments = agent.arguments(workspace, folder.task.prompt)
        ending = run(arguments, cwd=workspace, limit_s=limit_s, log=log)
        solved = folder.solved(workspace, Path(scratch, "check.log"))
        tail = log.read_bytes()[-TAIL_BYTES:].decode("utf-8", "replace")
    return Result(
        task=folder.task.id,
        agent=agent.name,
        kind=folder.task.kind,
        language=folder.task.language,
        solved=solved,
        exit_code=ending.exit_code,
        wall_s=round(ending.wall_s, 1),
        limit_s=limit_s,
        tail=tail,
    )


def compare(
    agents: Sequence[Agent], folders: Sequence[TaskFolder], limit_s: float, out: Path
) -> None:
    """Run what the file does not hold yet, and add each result to it as soon as it is there."""
    done = {(result.task, result.agent) for result in read_results(out)}
    for number, folder in enumerate(folders):
        first = number % len(agents)
        for agent in (*agents[first:], *agents[:first]):
            if (folder.task.id, agent.name) in done:
                continue
            result = attempt(agent, folder, limit_s)
            with out.open("ab") as file:
                file.write(msgspec.json.encode(result) + b"\n")
            mark = "solved" if result.solved else "failed"
            print(f"{number + 1}/{len(folders)} {mark} {result.task} {agent.name}", flush=True)


def validate(folders: Sequence[TaskFolder]) -> int:
    """Name each task whose check proves nothing; return how many there are."""
    faults = 0
    for folder in folders:
        with tempfile.TemporaryDirectory(prefix="agents_") as scratch:
            why = fault(folder, Path(scratch))
        if why:
            faults += 1
            print(f"{folder.task.id}: {why}")
    print(f"{len(folders) - faults} of {len(folders)} tasks are sound")
    return faults


def main(arguments: Sequence[str]) -> int:
    """Return 0, or 1 where a task is not sound and 2 where the tasks or results cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.agents", description=__doc__)
    parser.add_argument("tasks", type=Path, help="a folder of task folders")
    parser.add_argument("--agent", type=read_agent, action="append", default=[])
    parser.add_argument("--out", type=Path, default=Path("agents.jsonl"))
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--only", action="append", default=[], metavar="TASK")
    parser.add_argument("--limit", type=int, help="only the first so many tasks")
    parser.add_argument("--validate", action="store_true", help="check the tasks, run no agent")
    given = parser.parse_args(arguments)
    try:
        folders = read_tasks(given.tasks, given.only)[: given.limit]
        if given.validate:
            return 1 if validate(folders) else 0
        if given.agent:
            compare(given.agent, folders, given.minutes * 60, given.out)
        names = {folder.task.id for folder in folders}
        results = [result for result in read_results(given.out) if result.task in names]
    except (OSError, ValueError) as error:
        print(f"benchmarks.agents: {error}", file=sys.stderr)
        return 2
    print("\n".join(lines(results)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
