"""What all endpoints share: the offer, what is kept, and how a model call is carried out.

Knows no wire. Guards that every call is counted, charged to its caller and logged without what was
said, and that a server that is being stopped begins nothing new.
"""

import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

import anyio
import msgspec

from kodo.base.clock import Monotonic, Now, monotonic_s, utc_now
from kodo.base.hashing import NewId, new_id
from kodo.core.messages import Assistant
from kodo.core.model import Model, Prompt
from kodo.server.caller import Caller
from kodo.server.gateway.generation import Generation, Pace, Write
from kodo.server.gateway.images import Images
from kodo.server.gateway.offer import Offer
from kodo.server.metrics import Metrics
from kodo.server.problem import Problem, RequestError, problem_of
from kodo.server.tracing import Call, Tracer

log = logging.getLogger(__name__)


class Bounds(msgspec.Struct, frozen=True):
    """What one client may ask for: sizes in bytes, counts, ages in seconds."""

    max_body_bytes: int = 32 << 20
    max_connections: int = 2000
    max_lanes: int = 16
    connection_age_s: float = 3600.0


@dataclass(slots=True)
class Service:
    """The inside of a server. `log_prompts` lets the log hold what was said."""

    offer: Offer
    pace: Pace = field(default_factory=Pace)
    bounds: Bounds = field(default_factory=Bounds)
    images: Images = field(default_factory=Images)
    metrics: Metrics = field(default_factory=Metrics)
    now: Now = utc_now
    monotonic: Monotonic = monotonic_s
    new_id: NewId = new_id
    log_prompts: bool = False
    tracer: Tracer | None = None
    draining: bool = False
    in_flight: int = 0
    idle: anyio.Event = field(default_factory=anyio.Event)

    def check_open(self) -> None:
        """Raise RequestError (503) where the server is being stopped."""
        if self.draining:
            raise RequestError(
                Problem(503, "shutting_down", "the server is being stopped: try again", None, 1.0)
            )

    async def model_for(self, caller: Caller, name: str) -> tuple[str, Model]:
        """Return the full name and the model that a caller asks for.

        Raises RequestError: not offered (404), not for this token (403), rate or budget spent
        (429), cannot be opened (503).
        """
        self.check_open()
        if not name:
            raise RequestError(
                Problem(400, "missing_required_parameter", "name a `model`", "model")
            )
        full = self.offer.find(name).name
        caller.admit(full)
        return full, await self.offer.model(full)

    async def answer(
        self,
        caller: Caller,
        endpoint: str,
        model: Model,
        prompt: Prompt,
        write: Write,
    ) -> Assistant:
        """Carry out one model call; see `Generation.run` for what it raises."""
        started = self.monotonic()
        generation = Generation(model, prompt, write, self.pace, self.monotonic)
        status = "cancelled"
        reply: Assistant | None = None

        if self.log_prompts:
            log.info("prompt %s", msgspec.json.encode(prompt).decode())
        try:
            with self.working():
                reply = await generation.run()
            status = "ok"
            caller.charge(reply.usage)
            return reply
        except (KeyboardInterrupt, SystemExit):
            raise
        except Exception as error:
            status = problem_of(error, model.info.id).code
            raise
        finally:
            taken_s = self.monotonic() - started
            first_at_s = generation.first_at_s
            first_s = taken_s if first_at_s is None else first_at_s - started
            usage = reply.usage if reply is not None else None
            self.metrics.model_call(endpoint, model.info.id, status, first_s, taken_s, usage)
            if self.tracer is not None:
                self.tracer.take(
                    Call(endpoint, model.info.id, status, taken_s, first_s, caller.name, reply)
                )
            log.info(
                '{"endpoint":"%s","model":"%s","caller":"%s","status":"%s","first_s":%.4f,'
                '"taken_s":%.4f,"input_tokens":%d,"cached_tokens":%d,"output_tokens":%d}',
                endpoint,
                model.info.id,
                caller.name,
                status,
                first_s,
                taken_s,
                usage.input_tokens if usage else 0,
                usage.cached_tokens if usage else 0,
                usage.output_tokens if usage else 0,
            )

    @contextmanager
    def working(self) -> Generator[None]:
        """Count one answer as on its way for the block: a drain waits for it."""
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1
            if self.in_flight == 0:
                self.idle.set()

    async def drain(self, timeout_s: float, note: Callable[[str], None]) -> None:
        """Begin nothing new, and wait for what runs, at most `timeout_s`."""
        self.draining = True
        if self.in_flight:
            note(f"waiting for {self.in_flight} answers, at most {timeout_s:g} s")
            self.idle = anyio.Event()
            with anyio.move_on_after(timeout_s):
                await self.idle.wait()
