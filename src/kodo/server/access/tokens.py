"""Bearer tokens: made once, kept as hashes in a file of the owner, counted in memory.

Knows no HTTP. Guards that a stolen file opens nothing, that a wrong token takes as long as a right
one, that a revoked or spent one is refused at once, and that a running server sees changes.
"""

import fcntl
import hashlib
import hmac
import os
import secrets
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from kodo.base.clock import Monotonic, Now
from kodo.base.errors import ConfigError
from kodo.core.messages import Usage, Value
from kodo.server.problem import Problem, RequestError

PREFIX = "kodo_"
T = TypeVar("T")
SCOPES = ("infer", "metrics", "sessions")
_NOBODY = hashlib.sha256(b"nobody").hexdigest()


class TokenRecord(Value, frozen=True):
    """A token as the file holds it. Limits None are none.

    `models` empty means all that are offered; budgets count from when the token was made.
    """

    id: str
    name: str
    sha256: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    scopes: tuple[str, ...] = ("infer",)
    models: tuple[str, ...] = ()
    requests_per_minute: int | None = None
    budget_tokens: int | None = None
    budget_usd: float | None = None


class Spending(Value, frozen=True):
    """What a token has used."""

    tokens: int = 0
    usd: float = 0.0


class TokenFile:
    """The file; it and its folder are made when the first token is."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> list[TokenRecord]:
        """Return all tokens. Raises ConfigError where the file is damaged."""
        return _read(self.path, list[TokenRecord]) or []

    def add(self, record: TokenRecord) -> None:
        """Add a token."""
        with self._alone():
            write_private(self.path, [*self.read(), record])

    def revoke(self, token_id: str, at: datetime) -> TokenRecord:
        """Revoke a token by its id or name. Raises ConfigError where there is none."""
        with self._alone():
            records = self.read()
            for index, record in enumerate(records):
                if token_id in (record.id, record.name) and record.revoked_at is None:
                    records[index] = replace(record, revoked_at=at)
                    write_private(self.path, records)
                    return records[index]
        raise ConfigError(f"no token {token_id!r} to revoke; see: kodo serve token list")

    @contextmanager
    def _alone(self) -> Generator[None]:
        """Keep other commands out between reading and writing: none may undo another's change."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(
            self.path.with_name(f".{self.path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600
        )
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def new_token(
    name: str,
    now: datetime,
    *,
    days: float | None,
    scopes: tuple[str, ...] = ("infer",),
    models: tuple[str, ...] = (),
    requests_per_minute: int | None = None,
    budget_tokens: int | None = None,
    budget_usd: float | None = None,
) -> tuple[str, TokenRecord]:
    """Return a fresh token, to be shown once, and what is kept of it.

    Raises ConfigError for an unknown scope.
    """
    for scope in scopes:
        if scope not in SCOPES:
            raise ConfigError(f"no scope {scope!r}; known are {', '.join(SCOPES)}")
    token_id = secrets.token_hex(4)
    token = f"{PREFIX}{token_id}_{secrets.token_urlsafe(32)}"
    record = TokenRecord(
        token_id,
        name,
        hashlib.sha256(token.encode()).hexdigest(),
        now,
        now + timedelta(days=days) if days is not None else None,
        None,
        scopes,
        models,
        requests_per_minute,
        budget_tokens,
        budget_usd,
    )
    return token, record


@dataclass(slots=True)
class TokenCaller:
    """Somebody with a token; see `kodo.server.caller.Caller`."""

    record: TokenRecord
    spent: Spending
    monotonic: Monotonic
    on_spent: Callable[[], None]
    lives: Callable[[TokenRecord], bool]
    allowance: float = 0.0
    counted_at: float = 0.0

    @property
    def name(self) -> str:
        """The id of the token."""
        return self.record.id

    def check(self) -> None:
        """Raise RequestError (401) where the token ended, or was revoked, meanwhile."""
        if not self.lives(self.record):
            raise RequestError(
                Problem(401, "invalid_api_key", "the token has ended or was revoked")
            )

    def admit(self, model: str) -> None:
        """Count one request. Raises RequestError: 403 for another's model, 429 over a limit.

        401 where the token ended or was revoked while its connection was open.
        """
        self.check()
        record = self.record
        if record.models and model not in record.models:
            raise RequestError(
                Problem(403, "model_not_allowed", f"this token may not use {model!r}", "model")
            )
        over_tokens = record.budget_tokens is not None and self.spent.tokens >= record.budget_tokens
        if over_tokens or (record.budget_usd is not None and self.spent.usd >= record.budget_usd):
            raise RequestError(
                Problem(429, "insufficient_quota", "the budget of this token is spent")
            )
        if record.requests_per_minute is not None:
            self._take_turn(record.requests_per_minute)

    def _take_turn(self, per_minute: int) -> None:
        """Take one from a bucket that holds a minute's worth and fills evenly."""
        now = self.monotonic()
        gained = (now - self.counted_at) * per_minute / 60
        self.allowance = min(float(per_minute), self.allowance + gained)
        self.counted_at = now
        if self.allowance < 1:
            wait_s = (1 - self.allowance) * 60 / per_minute
            raise RequestError(
                Problem(
                    429,
                    "rate_limit_exceeded",
                    f"{per_minute} requests a minute: try again in {wait_s:.1f}s",
                    None,
                    wait_s,
                )
            )
        self.allowance -= 1

    def charge(self, usage: Usage) -> None:
        """Add what a call took."""
        tokens = self.spent.tokens + usage.input_tokens + usage.output_tokens
        self.spent = Spending(tokens, self.spent.usd + (usage.cost_usd or 0.0))
        self.on_spent()


class TokenKeeper:
    """The tokens of a running server; reads the file again when it has changed.

    What was spent is kept in a file beside it.
    """

    def __init__(self, path: Path, now: Now, monotonic: Monotonic) -> None:
        self._file = TokenFile(path)
        self._spending_path = path.with_name(f"{path.stem}-spent.json")
        self._now = now
        self._monotonic = monotonic
        self._stamp: tuple[int, int] | None = None
        self._callers: dict[str, TokenCaller] = {}
        self._refresh()

    @property
    def usable(self) -> int:
        """How many tokens open something now."""
        self._refresh()
        return sum(self._lives(caller.record) for caller in self._callers.values())

    def looks_own(self, token: str) -> bool:
        """Return whether a token has the form of ours, rather than a client's placeholder."""
        return token.startswith(PREFIX)

    def find(self, token: str, scope: str) -> TokenCaller | None:
        """Return whose token it is, None where it is nobody's, has ended or was revoked.

        Raises RequestError (403) where it lacks the scope.
        """
        self._refresh()
        caller = self._callers.get(token.removeprefix(PREFIX).partition("_")[0])
        wanted = caller.record.sha256 if caller is not None else _NOBODY
        given = hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
        if not hmac.compare_digest(wanted, given) or caller is None:
            return None
        if not self._lives(caller.record):
            return None
        if scope not in caller.record.scopes:
            raise RequestError(
                Problem(403, "missing_scope", f"this token lacks the scope {scope!r}")
            )
        return caller

    def _still_lives(self, record: TokenRecord) -> bool:
        self._refresh()
        caller = self._callers.get(record.id)
        return caller is not None and self._lives(caller.record)

    def _lives(self, record: TokenRecord) -> bool:
        ended = record.expires_at is not None and record.expires_at <= self._now()
        return record.revoked_at is None and not ended

    def _refresh(self) -> None:
        try:
            status = self._file.path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
        except FileNotFoundError:
            stamp = None
        if stamp == self._stamp:
            return
        self._stamp = stamp
        spent = _read(self._spending_path, dict[str, Spending]) or {}
        known, self._callers = self._callers, {}
        for record in self._file.read() if stamp else ():
            caller = known.get(record.id)
            if caller is None:
                allowance = float(record.requests_per_minute or 0)
                caller = TokenCaller(
                    record,
                    spent.get(record.id, Spending()),
                    self._monotonic,
                    self._note_spending,
                    self._still_lives,
                    allowance,
                    self._monotonic(),
                )
            caller.record = record
            self._callers[record.id] = caller

    def _note_spending(self) -> None:
        limited = {
            token_id: caller.spent
            for token_id, caller in self._callers.items()
            if caller.record.budget_tokens is not None or caller.record.budget_usd is not None
        }
        if limited:
            write_private(self._spending_path, limited)


def write_private(path: Path, value: object) -> None:
    """Write JSON that only the owner can read, all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(msgspec.json.encode(value))
    draft.replace(path)


def _read(path: Path, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError(f"cannot read {str(path)!r}: {error}") from error
