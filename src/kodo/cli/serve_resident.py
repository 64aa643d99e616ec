"""`kodo serve status` and `kodo serve stop`: the engine that lives on between commands.

Guards that looking starts nothing and loads nothing.
"""

import sys

import msgspec

from kodo.base.errors import ModelError
from kodo.cli.exits import FAILED, OK
from kodo.runtime.config import Settings
from kodo.runtime.resident.asking import ask_lender, ask_status, ask_stop
from kodo.runtime.resident.place import Place
from kodo.runtime.resident.words import Report


class Resident(msgspec.Struct, frozen=True):
    """What `kodo serve status --json` prints."""

    running: bool
    pid: int | None = None
    models: tuple[str, ...] = ()
    calls: int = 0
    answered: int = 0
    idle_s: float = 0.0
    ends_after_idle_s: float = 0.0


def show(settings: Settings, *, json: bool) -> int:
    """Print the state of the resident engine; returns 0 where it runs, else 1."""
    report = ask_status(Place(settings.paths.run))
    if json:
        print(msgspec.json.encode(_described(report, settings)).decode())
    elif report is None:
        allowed = settings.config.resident == "auto"
        hint = "the next command with a local model starts one" if allowed else "resident is off"
        print(f"no resident engine runs; {hint}")
        if lender := ask_lender(Place(settings.paths.run)):
            print(
                f"commands use {', '.join(lender.models)} of `kodo serve`, process {lender.pid};"
                f" {lender.answered} answered"
            )
    else:
        print(
            f"resident engine, process {report.pid}: {', '.join(report.models) or 'nothing loaded'}"
            f"; {report.calls} calls now, {report.answered} answered, idle {report.idle_s:.0f} s"
            f" (ends after {settings.config.resident_idle_s:.0f} s)"
        )
    return FAILED if report is None else OK


def stop(settings: Settings) -> int:
    """End the resident engine where there is one; returns 0. Raises ModelError where it stays."""
    try:
        report = ask_stop(Place(settings.paths.run))
    except TimeoutError as error:
        raise ModelError(f"{error}; end it with: kill -9 PID") from error
    if report is None:
        sys.stderr.write("kodo: note: no resident engine runs\n")
    else:
        print(f"ended the resident engine (process {report.pid})")
    return OK


def _described(report: Report | None, settings: Settings) -> Resident:
    if report is None:
        return Resident(running=False)
    return Resident(
        running=True,
        pid=report.pid,
        models=report.models,
        calls=report.calls,
        answered=report.answered,
        idle_s=report.idle_s,
        ends_after_idle_s=settings.config.resident_idle_s,
    )
