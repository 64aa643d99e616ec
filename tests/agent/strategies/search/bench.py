"""A bench for searches: planted projects, a model that answers by rule, a real local sandbox."""

import os
import shutil
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

from kodo.agent.budget import RunBudget
from kodo.agent.strategies.search import SearchStrategy
from kodo.core.events import CheckRun, MessageAdded, Noted
from kodo.core.limits import Limits
from kodo.core.messages import Assistant, Delta, Text, ToolResult, Usage
from kodo.core.model import Candidate, Hole, ModelInfo, Prompt
from kodo.core.sandbox import Scratch
from kodo.sandboxes.jail import Jail
from kodo.sandboxes.ladder import open_copy
from kodo.sandboxes.local import Local
from kodo.tools.apply_patch import ApplyPatch
from kodo.tools.write import Write
from tests.agent.stage import Stage

Answer = Callable[[Prompt], str]
Fill = Callable[[Hole], list[str]]

SAMPLING = ModelInfo(
    "test/small", "test", 8_000, 2_000, abilities=frozenset({"small", "sample", "complete"})
)
PLAIN = ModelInfo("test/plain", "test", 8_000, 2_000, abilities=frozenset({"small"}))


def text_of(prompt: Prompt) -> str:
    """Return all text that a prompt shows."""
    shown = [prompt.instructions]
    for message in prompt.messages:
        shown.extend(part.text for part in message.parts if isinstance(part, Text))
    return "\n".join(shown)


def fills_nothing(_hole: Hole) -> list[str]:
    """Return no filling."""
    return []


class RuleModel:
    """Answers each prompt by a rule; keeps the prompts and holes it was given."""

    def __init__(
        self, answer: Answer, fill: Fill | None = None, info: ModelInfo = SAMPLING
    ) -> None:
        self.info = info
        self.prompts: list[Prompt] = []
        self.holes: list[Hole] = []
        self._answer = answer
        self._fill = fill or fills_nothing

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta | Assistant, None]:
        self.prompts.append(prompt)
        reply = self._reply(prompt)
        yield Delta("text", reply.text)
        yield reply

    async def sample(
        self,
        prompt: Prompt,
        samples: int,
        on_delta: Callable[[Delta], Awaitable[None]],
        on_reply: Callable[[Assistant], None],
    ) -> None:
        self.prompts.append(prompt)
        for _ in range(samples):
            on_reply(self._reply(prompt))

    async def complete(self, hole: Hole, samples: int = 1) -> list[Candidate]:
        self.holes.append(hole)
        return [Candidate(text) for text in self._fill(hole)][:samples]

    async def aclose(self) -> None:
        pass

    def _reply(self, prompt: Prompt) -> Assistant:
        return Assistant((Text(self._answer(prompt)),), self.info.id, "end", Usage(100, 0, 50))


class Ticking:
    """A clock that moves a little each time somebody looks, so that every search ends."""

    def __init__(self, step_s: float) -> None:
        self._step_s = step_s
        self._now_s = 0.0

    def __call__(self) -> float:
        self._now_s += self._step_s
        return self._now_s


class Bench(Stage):
    """A workspace of planted files and one search in it."""

    def __init__(
        self,
        workspace: Path,
        files: dict[str, str],
        model: RuleModel,
        *,
        seconds: float = 60,
        tick_s: float = 0.3,
        limits: Limits | None = None,
    ) -> None:
        for path, text in files.items():
            target = workspace / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        super().__init__(workspace, [], [Write(), ApplyPatch()])
        self.agent.model = model
        self.agent.budget = RunBudget(limits or Limits(seconds=seconds), Ticking(tick_s))
        self.strategy = SearchStrategy()
        path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '/usr/bin:/bin')}"
        environment = {"PATH": path}
        if (cargo := shutil.which("cargo")) and (Path(cargo).parent.parent / "env").exists():
            home = Path(cargo).parent.parent
            environment |= {"CARGO_HOME": str(home), "RUSTUP_HOME": str(home.parent / ".rustup")}
        jail = Jail(workspace=workspace, home=workspace, environment=environment)
        self.agent.sandbox = Local(jail)

        async def open_scratch() -> Scratch:
            return await open_copy("local", jail)

        self.agent.open_scratch = open_scratch
        self.workspace = workspace

    def read(self, path: str) -> str:
        return (self.workspace / path).read_text(encoding="utf-8")

    def notes(self) -> str:
        return "\n".join(body.text for body in self.stored() if isinstance(body, Noted))

    def checks(self) -> list[CheckRun]:
        return [body for body in self.stored() if isinstance(body, CheckRun)]

    def results(self) -> list[ToolResult]:
        return [
            body.message
            for body in self.stored()
            if isinstance(body, MessageAdded) and isinstance(body.message, ToolResult)
        ]


def block(code: str, language: str = "python") -> str:
    """Return an answer that is one fenced block."""
    return f"```{language}\n{code}```\n"
