"""`kodo replay`: run a recorded session again, or go on from any entry with another model."""

import argparse
from itertools import zip_longest

import anyio

from kodo.base.errors import ConfigError
from kodo.cli.earlier import add_thread, open_earlier
from kodo.cli.exits import FAILED, INTERRUPTED, OK, outcome_code
from kodo.cli.options import add_common, add_json, add_run, load
from kodo.cli.output import print_json
from kodo.cli.render import make_screen
from kodo.cli.task import run_shown
from kodo.core.thread import Entry, Thread
from kodo.runtime.build import Opening, open_session
from kodo.runtime.config import Settings
from kodo.runtime.memory import SessionMemory
from kodo.runtime.past.replaying import ReplayReport, replay
from kodo.runtime.past.rewinding import find_entry
from kodo.runtime.past.steps import Comparison, Step, compare, steps_behind, whole_exchange
from kodo.tui.ansi import one_line
from kodo.tui.words import count

EXAMPLES = """\
examples:
  kodo replay --last
  kodo replay 01jc8v --json | jq .differences
  kodo replay 01jc8v --from e57 -m openai/gpt-5

Without --from nothing is sent and nothing executed: every prompt is made again from the recorded
replies and results, and compared with what was sent. With --from another model goes on from that
entry, in a fork, on the files as they are now (kodo undo takes its changes back).
"""

_WIDTH = 76
_MOST_SHOWN = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare options and arguments."""
    add_thread(parser)
    parser.add_argument(
        "--from", dest="entry", metavar="ENTRY", help="go on from this entry, such as e57"
    )
    add_json(parser)
    add_run(parser)
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Replay. Raises KodoError."""
    settings = load(arguments)
    if arguments.entry is not None:
        return anyio.run(_go_on, settings, arguments)
    if arguments.model is not None:
        raise ConfigError("a replay asks no model; to go on with another one give --from ENTRY too")
    return anyio.run(_replay, settings, arguments)


async def _replay(settings: Settings, arguments: argparse.Namespace) -> int:
    async with open_earlier(settings, arguments) as earlier:
        path = settings.paths.store(settings.cwd)
        memory = SessionMemory(path, settings.cwd, earlier.thread.header.id, has_past=True)
        try:
            report = await replay(earlier.thread, earlier.store.blobs, memory)
        finally:
            await memory.aclose()
    if arguments.json:
        print_json(report)
    else:
        for line in _lines(report):
            print(line)
    return OK if report.identical else FAILED


def _lines(report: ReplayReport) -> list[str]:
    played = f"{count(report.replies, 'reply')} and {count(report.results, 'result')}".replace(
        "replys", "replies"
    )
    prompts = count(report.prompts, "prompt")
    if report.identical:
        return [f"identical: {prompts} made again from {played} of {report.thread}"]
    found: list[str] = []
    if not report.prompts:
        found.append(f"nothing to compare: no prompt was sent in {report.thread}")
    if report.uncompared:
        found.append(
            f"{report.uncompared} of {prompts} cannot be compared: they were made by a search, "
            "which draws anew each time, or by an older kodo"
        )
    if report.differences:
        found.append(f"differs: {prompts} made again from {played} of {report.thread}")
    for item in report.differences[:12]:
        why = f" ({one_line(item.why, 120)})" if item.why else ""
        found.append(f"  prompt {item.prompt} (e{item.entry}): {item.part} not as sent{why}")
    return found


async def _go_on(settings: Settings, arguments: argparse.Namespace) -> int:
    async with open_earlier(settings, arguments) as earlier:
        recorded = earlier.thread
        entry = whole_exchange(recorded, find_entry(recorded, arguments.entry))
        before = steps_behind(recorded, entry)
    opening = Opening("fork", recorded.header.id, entry.event.seq)
    async with open_session(settings, opening) as session:
        begun = session.thread.head
        face = make_screen(settings.environment, verbosity=arguments.verbose)
        if not arguments.json:
            session.subscribe(face.take)
        ended = await run_shown(session, None, face)
        face.close()
        after = steps_behind(session.thread, _at(session.thread, begun))
        comparison = compare(recorded.header.id, session.thread.header.id, entry, before, after)
    if ended is None:
        return INTERRUPTED
    if arguments.json:
        print_json(comparison)
    else:
        _show(comparison)
    return outcome_code(ended.outcome)


def _at(thread: Thread, entry_id: str | None) -> Entry | None:
    return thread.path(entry_id)[-1] if entry_id is not None else None


def _show(comparison: Comparison) -> None:
    """Print the steps of both runs, from where they part."""
    old, new = comparison.before, comparison.after
    print(f"\nfrom e{comparison.entry} of {comparison.thread}, compared with what was recorded:")
    if not comparison.first:
        print(f"  the same: all {count(comparison.same, 'step')}")
    else:
        alike = comparison.first - 1
        print(f"  {count(alike, 'step')} the same; they part at step {comparison.first}")
        pairs = list(zip_longest(old.steps, new.steps))[alike : alike + _MOST_SHOWN]
        for number, (before, after) in enumerate(pairs, comparison.first):
            print(f"  {number:>3} then  {_step_line(before)}")
            print(f"      now   {_step_line(after)}")
    for word, steps in (("then", old), ("now", new)):
        facts = [steps.model or "no model", steps.outcome or "not ended"]
        facts += [count(len(steps.steps), "step"), f"{steps.tokens:,} tokens"]
        print(f"  {word:<5} {' · '.join(one_line(fact, 60) for fact in facts)}")


def _step_line(step: Step | None) -> str:
    if step is None:
        return "(nothing more)"
    return one_line("; ".join(step.calls) or step.said or "(nothing)", _WIDTH)
