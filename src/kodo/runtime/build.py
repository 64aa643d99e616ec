"""Where the rooms of floor 3 meet: settings become a session with model, tools, jail and store.

Guards that whatever was opened is closed again, in reverse order, even when the middle fails.
"""

from collections.abc import AsyncGenerator, Container, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Literal

from anyio import CancelScope

from kodo.agent.agent import Agent, Ask, Strategy
from kodo.agent.budget import RunBudget
from kodo.agent.finish import FinishGate
from kodo.agent.instructions import compose_instructions, find_notes, fit_notes
from kodo.agent.permission.question import Answer, Question
from kodo.agent.permission.taint import taint_of
from kodo.base.clock import utc_now
from kodo.base.errors import ConfigError, ModelError, StoreError
from kodo.base.hashing import new_id
from kodo.core.events import HostContacted, Retrying
from kodo.core.messages import Value
from kodo.core.model import Model
from kodo.core.sandbox import Sandbox, Scratch
from kodo.core.thread import Thread, ThreadHeader
from kodo.core.tool import Tool
from kodo.runtime.cage import open_cage
from kodo.runtime.config import Settings
from kodo.runtime.edit_check import edit_checks
from kodo.runtime.hooks import open_hooks
from kodo.runtime.memory import SessionMemory
from kodo.runtime.models import ca_file, open_model, proxy_for
from kodo.runtime.permission import Secrets, open_rules, save_rule
from kodo.runtime.registry import CHECKS, MCP, NETWORK, STRATEGIES, TOOLS, WATCHES, load
from kodo.runtime.repository_map import RepositoryMap
from kodo.runtime.session import Session
from kodo.store.log import SqliteLog
from kodo.store.store import Store, open_store
from kodo.store.tree.watch import Watch

OFFERED = (
    "shell",
    "shell_input",
    "read",
    "list",
    "find",
    "grep",
    "apply_patch",
    "write",
    "plan",
)
CUT_SHORT = frozenset({"interrupted", "limit", "broken"})
SHORTEST_ID = 6
MOST_THREADS = 1_000_000
REMEMBER = ("recall", "search", "history", "as_of", "sweep")
"""The tools of memory; a model with a small window is offered the first two."""

SMALL_WINDOW_TOKENS = 16_000
NEED_BACKGROUND = frozenset({"shell", "shell_input"})


class Opening(Value, frozen=True):
    """Which thread to open: a new one, an earlier one by id or the last, or a fork of it.

    `thread` "" means the last one of this folder, `entry` other than 0 the `seq` of the entry at
    which to fork it. `schema` is the JSON Schema that the last message must follow, as JSON text.
    """

    mode: Literal["new", "resume", "fork"] = "new"
    thread: str = ""
    entry: int = 0
    schema: str | None = None


async def nobody(question: Question) -> Answer:
    """Answer no: there is no person to ask."""
    return "no"


@asynccontextmanager
async def open_session(
    settings: Settings, opening: Opening | None = None, ask: Ask = nobody
) -> AsyncGenerator[Session]:
    """Open a session for work in `settings.cwd`.

    Raises ConfigError before anything is made where model, key, thread or a named rung are wrong,
    SandboxError, StoreError.
    """
    wanted = opening or Opening()
    config = settings.config
    session: Session | None = None

    async def on_retry(retrying: Retrying) -> None:
        if session is not None:
            await session.note_retry(retrying)

    async def on_host(contacted: HostContacted) -> None:
        if session is not None:
            await session.note_host(contacted)

    async def read_blob(name: str) -> bytes:
        if session is None:
            raise StoreError(f"blob {name!r} was asked for before the session was open")
        return await session.blobs.get(name)

    async def ask_host(question: str, reason: str) -> bool:
        return await ask(Question(question, reason)) != "no"

    async def close_model() -> None:
        try:
            await model.aclose()
        except ModelError:
            # A script with lines left is an error, except where the run was cut short or never
            # began: it must not hide what went wrong first.
            if session is not None and session.outcome not in (None, *CUT_SHORT):
                raise

    model = open_model(settings, read_blob, on_retry)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(close_model)
        store_path = settings.paths.store(settings.cwd)
        has_past = store_path.exists()
        store = await stack.enter_async_context(open_store(store_path))
        thread, created = await open_thread(store, settings.cwd, wanted)
        rules = open_rules(settings)
        hooks = open_hooks(settings)
        secrets = Secrets(settings)
        cage = await stack.enter_async_context(open_cage(settings, on_host=on_host, ask=ask_host))
        sandbox = cage.sandbox
        allow_net = cage.network != "off"
        offline: Sandbox | None = None
        if allow_net and config.sandbox != "full" and sandbox.name != "local":
            offline = cage.make_quiet()
            stack.push_async_callback(offline.aclose)
        # What strangers wrote in the folder runs without the network, checks included.
        shut = offline is not None and not settings.trusted
        # A read-only run is one promise that no choice of a rung takes back.
        rung_chosen = config.sandbox == "full" or (
            config.rung != "auto" and config.sandbox != "read-only"
        )
        background = await stack.enter_async_context(load(TOOLS, "background")())
        strategy_name = choose_strategy(config.strategy, model)
        window_tokens = model.info.context_tokens
        repository_map = RepositoryMap(store_path.parent, settings.cwd)
        memory = SessionMemory(
            store_path,
            settings.cwd,
            thread.header.id,
            has_past=has_past,
            repository_map=repository_map,
        )
        stack.push_async_callback(memory.aclose)
        own = {tool.name: tool for tool in make_tools(background, settings, window_tokens)}
        tools: Mapping[str, Tool] = own
        vouched: Container[str] = frozenset[str]()
        if config.mcp and strategy_name == "tools":
            vouched = load(MCP, "vouched")(config.mcp)
            contained = sandbox.name != "local"
            tools = await stack.enter_async_context(
                load(MCP, "toolbox")(settings, own, contained=contained)
            )
        snapshots = store.snapshots(settings.cwd, open_watch=open_watch)
        notes = fit_notes(find_notes(settings.cwd, settings.project), window_tokens)
        instructions = compose_instructions(
            settings.cwd,
            notes,
            repository_map.text(window_tokens),
            remembers=True,
            notes_trusted=settings.trusted,
        )

        async def open_scratch() -> Scratch:
            return await cage.open_scratch(quiet=shut)

        async def find_checks() -> Sequence[str]:
            found: Sequence[str] = await load(CHECKS, "finish")(
                settings, sandbox, allow_net=allow_net, rung_chosen=rung_chosen
            )
            return found

        def make_run() -> tuple[Agent, Strategy]:
            taint = taint_of(thread.messages(), vouched)
            if not settings.trusted:
                taint.add(f"the untrusted folder {str(settings.project)!r}")
            budget = cage.meter.budget = RunBudget(config.limits)
            agent = Agent(
                model=model,
                tools=tools,
                vouched=vouched,
                sandbox=offline if shut and offline is not None else sandbox,
                online=sandbox,
                offline=offline,
                git=cage.git,
                book=rules,
                save_rule=partial(save_rule, settings, rules),
                taint=taint,
                redactor=secrets.redactor,
                workspace=settings.cwd,
                blobs=store.blobs,
                snapshots=snapshots,
                budget=budget,
                instructions=instructions,
                project_notes=notes,
                open_scratch=open_scratch,
                ask=ask,
                mode=config.mode,
                allow_net=allow_net,
                schema=wanted.schema,
                rung_chosen=rung_chosen,
                checks=edit_checks(settings),
                recall=memory if strategy_name == "tools" else None,  # others do not ask it
                knows_more=memory.knows_more,
                hooks=hooks,
            )
            return agent, make_strategy(strategy_name, FinishGate(find_checks))

        session = Session(thread, store.log, store.blobs, make_run, created=created, memory=memory)
        try:
            yield session
        finally:
            with CancelScope(shield=True):
                await session.end()


def open_watch(root: str) -> Watch:
    """Return what watches a large workspace. Raises OSError where the host cannot."""
    watch: Watch = load(WATCHES, "inotify")(root)
    return watch


def make_tools(background: object, settings: Settings, window_tokens: int) -> list[Tool]:
    """Return the tools that a model is offered; `background` holds their background processes.

    A window of few tokens is not filled with what is seldom called.
    """
    remembering = REMEMBER[:2] if window_tokens < SMALL_WINDOW_TOKENS else REMEMBER
    tools: list[Tool] = [
        load(TOOLS, name)(background) if name in NEED_BACKGROUND else load(TOOLS, name)()
        for name in (*OFFERED, *remembering)
    ]
    if settings.config.allow_hosts:
        proxy = partial(proxy_for, settings)
        config = settings.config
        rules = load(NETWORK, "rules")(config.allow_hosts, deny=config.network.deny)
        tools.append(
            load(TOOLS, "fetch")(proxy=proxy, ca_file=ca_file(settings), judge=rules.judge)
        )
    return tools


def choose_strategy(choice: str, model: Model) -> str:
    """Return the strategy that was chosen, or the one that fits the model's abilities."""
    abilities = model.info.abilities
    if choice == "auto":
        return "search" if "small" in abilities or "tools" not in abilities else "tools"
    return choice


def make_strategy(name: str, gate: FinishGate) -> Strategy:
    """Return the strategy of that name."""
    made: Strategy = load(STRATEGIES, name)(gate) if name == "tools" else load(STRATEGIES, name)()
    return made


async def open_thread(store: Store, cwd: Path, opening: Opening) -> tuple[Thread, bool]:
    """Return the thread to work in, and whether it still has to be created in the log.

    Raises ConfigError where there is nothing to go on with.
    """
    header = ThreadHeader(new_id(), utc_now(), str(cwd))
    if opening.mode == "new":
        return Thread(header), True
    wanted = opening.thread or await store.log.latest(str(cwd))
    if wanted is None:
        raise ConfigError(f"there is no earlier session in {str(cwd)!r}; start one with: kodo exec")
    try:
        found, entries = await store.log.load(wanted)
    except StoreError as error:
        known = [item.header.id for item in await store.log.list(MOST_THREADS)]
        if len(wanted) >= SHORTEST_ID and sum(name.startswith(wanted) for name in known) == 1:
            raise  # it is there, and damaged
        raise ConfigError(str(error)) from error
    thread = Thread(found, iter(entries))
    if opening.mode == "resume":
        return thread, False
    if opening.entry:
        at = thread.at(opening.entry)
        if at is None:
            raise ConfigError(f"session {found.id!r} has no entry e{opening.entry}")
        thread.move(at.id)
    return await fork(store.log, thread, cwd), False


async def fork(log: SqliteLog, thread: Thread, cwd: Path) -> Thread:
    """Copy the current path of a thread into a new one and return that."""
    forked_from = (thread.header.id, thread.head or "")
    header = ThreadHeader(new_id(), utc_now(), str(cwd), thread.header.title, forked_from)
    copy = thread.fork(header, new_id)
    await log.create(header)
    await log.extend(header.id, copy.path())
    return copy
