"""Exact details that people ask for: ten kinds, each with look-alikes and two ways to ask.

Does not know how they are found. The second wording is what somebody else might say: other order,
other case, other words around the same anchor. Guards that no two details are equal, and that the
same seed makes the same ones.
"""

import hashlib
import json
import random
import uuid
from dataclasses import dataclass

LOOK_ALIKES = 4


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split(" "))


_FIRST = _words(
    "amber basalt cedar delta ember fjord garnet harbor indigo juniper kestrel lagoon maple "
    "nimbus onyx pewter quartz raven saffron tundra umber velvet willow yarrow zephyr cobalt"
)
_SECOND = _words(
    "anchor beacon cipher drift engine falcon glacier hinge island jigsaw kernel ladder magnet "
    "needle orchard pillar quiver ribbon sparrow timber unity vessel walnut yonder zenith bridge"
)
_ROLES = _words(
    "retry upload session invoice cache ledger shard replica webhook tenant parser scheduler "
    "index billing export import search mailer queue audit"
)
_PEOPLE = _words(
    "Mirela Tomas Ingrid Osei Paloma Ravi Sunniva Teodor Yusra Anselm Bronwen Caspian Dalia "
    "Emeric Fenna Goran Hedda Ilias"
)


@dataclass(frozen=True, slots=True)
class Detail:
    """A line, lines that look like it, and two ways to ask for it."""

    kind: str
    line: str
    look_alikes: tuple[str, ...]
    questions: tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Thing:
    """Three words that together name one thing, and others for the second of them."""

    first: str
    second: str
    role: str
    others: tuple[str, ...]


class Details:
    """Makes details that all differ."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        self._used: set[str] = set()

    def make(self, count: int) -> list[Detail]:
        """Return so many details, the kinds in turn."""
        kinds = (
            *(self.constant, self.value, self.camel, self.hash, self.log_line),
            *(self.error_code, self.path, self.fact, self.frame, self.record),
        )
        # One more after each round of depths, so that every kind comes at every depth.
        return [kinds[(at + at // 20) % len(kinds)]() for at in range(count)]

    def constant(self) -> Detail:
        """A constant, asked for by its name."""
        thing = self._thing()
        name = f"MAX_{thing.role}_{thing.first}".upper()
        return Detail(
            "constant",
            f"{name}_{thing.second.upper()} = {self._number()}",
            tuple(f"{name}_{other.upper()} = {self._number()}" for other in thing.others),
            (
                f"What is the value of {name}_{thing.second.upper()}?",
                f"the limit {name.lower()}_{thing.second} - how high is it?",
            ),
        )

    def value(self) -> Detail:
        """A name, asked for by its value."""
        thing = self._thing()
        number = self._number()
        name = f"{thing.role}_{thing.first}"
        return Detail(
            "value",
            f'"{name}_{thing.second}_port": {number},',
            tuple(
                f'"{name}_{other}_port": {number + at},' for at, other in enumerate(thing.others, 1)
            ),
            (f"Which setting has the value {number}?", f"what was configured to {number:,}?"),
        )

    def camel(self) -> Detail:
        """A name in camel case, asked for by its words."""
        thing = self._thing()
        name = f"{thing.role}{thing.first.title()}"
        return Detail(
            "camel",
            f"const {name}{thing.second.title()}Budget = {self._number()};",
            tuple(
                f"const {name}{other.title()}Budget = {self._number()};" for other in thing.others
            ),
            (
                f"What is the {thing.role} budget of the {thing.first} {thing.second}?",
                f"budget for {thing.first}-{thing.second} {thing.role}s",
            ),
        )

    def hash(self) -> Detail:
        """A hash, asked for by a part of it: its beginning, or from within."""
        thing = self._thing()
        seed = f"{thing.first}{thing.second}{thing.role}{self._number()}"
        digests = [hashlib.sha1(f"{seed}{at}".encode()).hexdigest() for at in range(5)]
        start = self._draw.choice((0, 0, 7, 13, 24))
        part = digests[0][start : start + self._draw.randrange(8, 13)]
        lines = [
            f"deployed {digest} to {thing.first}-{thing.second} after the {thing.role} tests"
            for digest in digests
        ]
        return Detail(
            "hash",
            lines[0],
            tuple(lines[1:]),
            (f"Where was the commit {part} deployed?", f"{part.upper()} - which machine has it?"),
        )

    def log_line(self) -> Detail:
        """A line of a log, asked for by what happened to whom."""
        thing = self._thing()
        job = self._number()
        head = f"2026-03-0{self._draw.randrange(1, 9)} 11:{self._draw.randrange(10, 59)} WARN"
        tail = f"on {thing.first}.{thing.second} took {self._draw.randrange(100, 9999)} ms"
        worker = self._draw.randrange(100, 999)
        lines = [
            f"{head} [worker-{worker}] {thing.role} job {job + at} {tail}"
            for at in range(LOOK_ALIKES + 1)
        ]
        return Detail(
            "log line",
            lines[0],
            tuple(lines[1:]),
            (
                f"How long did {thing.role} job {job} take?",
                f"was job #{job} slow on {thing.first}.{thing.second}, and by how much?",
            ),
        )

    def error_code(self) -> Detail:
        """An error code and its cause."""
        thing = self._thing()
        family = f"{thing.role[:3]}{thing.first[:2]}".upper()
        number = self._draw.randrange(1000, 9000)
        lines = [
            f"{family}-{number + 11 * at}: the {thing.role} of {thing.second} was refused"
            for at in range(LOOK_ALIKES + 1)
        ]
        return Detail(
            "error code",
            lines[0],
            tuple(lines[1:]),
            (
                f"What does {family}-{number} mean?",
                f"why do I get error {family.lower()}-{number} here?",
            ),
        )

    def path(self) -> Detail:
        """A path and what became of it."""
        thing = self._thing()
        folder = f"services/{thing.role}"
        tail = f"was replaced by the {self._draw.choice(_SECOND)} module in release"
        release = self._number()
        return Detail(
            "path",
            f"- {folder}/{thing.first}_{thing.second}.py {tail} {release}",
            tuple(
                f"- {folder}/{thing.first}_{other}.py {tail} {release}" for other in thing.others
            ),
            (
                f"What happened to {folder}/{thing.first}_{thing.second}.py?",
                f"is {thing.first}_{thing.second}.py still there, or did something replace it?",
            ),
        )

    def fact(self) -> Detail:
        """A sentence with names."""
        thing = self._thing()
        person = f"{self._draw.choice(_PEOPLE)} {self._draw.choice(_PEOPLE)}{self._number()}"
        head = f"The engineer on call for the {thing.first}"
        return Detail(
            "fact",
            f"{head} {thing.second} {thing.role} is {person}.",
            tuple(
                f"{head} {other} {thing.role} is {self._draw.choice(_PEOPLE)}."
                for other in thing.others
            ),
            (
                f"Who is on call for the {thing.first} {thing.second} {thing.role}?",
                f"whom do I ring about {thing.role} of {thing.first} {thing.second}, "
                "which engineers?",
            ),
        )

    def frame(self) -> Detail:
        """A line of a stack trace."""
        thing = self._thing()
        name = f"handle{thing.role.title()}{thing.first.title()}"
        file = f"{thing.first}/{thing.role}_handlers.py"
        line = self._draw.randrange(10, 4000)
        frames = [
            f'  File "{file}", line {line + 3 * at}, in {name}{other.title()}'
            for at, other in enumerate((thing.second, *thing.others))
        ]
        return Detail(
            "stack frame",
            frames[0],
            tuple(frames[1:]),
            (
                f"In which line does {name}{thing.second.title()} fail?",
                f"where exactly did handling the {thing.second} {thing.role} of {thing.first} "
                "break?",
            ),
        )

    def record(self) -> Detail:
        """A record in one long line of JSON, asked for by its id or a part of it."""
        thing = self._thing()
        lines: list[str] = []
        ids: list[str] = []
        for at in range(LOOK_ALIKES + 1):
            ids.append(str(uuid.UUID(int=self._draw.getrandbits(128), version=4)))
            noise = {f"field{n}": self._draw.choice(_SECOND) for n in range(12)}
            values = {"id": ids[-1], "state": thing.first, "owner": thing.role, **noise}
            lines.append(json.dumps({**values, "attempt": at}))
        return Detail(
            "record",
            lines[0],
            tuple(lines[1:]),
            (f"What is the state of {ids[0]}?", f"who owns the one with id {ids[0][:13]}...?"),
        )

    def _thing(self) -> _Thing:
        while True:
            first, second = self._draw.choice(_FIRST), self._draw.choice(_SECOND)
            role = self._draw.choice(_ROLES)
            if self._is_new(f"{first} {second} {role}"):
                rest = [one for one in (*_FIRST, *_SECOND) if one not in (first, second)]
                return _Thing(first, second, role, tuple(self._draw.sample(rest, LOOK_ALIKES)))

    def _number(self) -> int:
        while True:
            number = self._draw.randrange(10_000, 9_999_999)
            if self._is_new(str(number)):
                return number

    def _is_new(self, name: str) -> bool:
        if name in self._used:
            return False
        self._used.add(name)
        return True
