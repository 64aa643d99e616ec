"""A file under interpretation, and a frame: one activation of a function or of a module's body.

Does not evaluate anything. Guards that frames of closures see the variables around them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection

from kodo.scan.interpreter.fold import Semantics
from kodo.scan.interpreter.state import Heap, State, join_states
from kodo.scan.interpreter.values import Cells, Label, Taint, Value
from kodo.scan.ir import Function, Module
from kodo.scan.rules.book import Book, CompiledSink
from kodo.scan.text import SourceText


class Unit:
    """One lowered file with the rules of its language.

    `words` are the identifiers of the file, `hits` the sorted byte offsets of words that some
    active rule speaks of, `source_hits` those of sources among them. `paths` gives the files that a
    dotted module name may mean.
    """

    __slots__ = (
        "book",
        "globals",
        "handlers",
        "hits",
        "module",
        "names",
        "parameter_types",
        "parameters",
        "paths",
        "return_sinks",
        "running",
        "semantics",
        "source_hits",
        "text",
        "words",
    )

    def __init__(
        self,
        module: Module,
        text: SourceText,
        book: Book,
        semantics: Semantics,
        words: Collection[bytes],
        hits: list[int],
        source_hits: list[int],
        paths: Callable[[str, str], list[str]],
    ) -> None:
        self.module = module
        self.text = text
        self.book = book
        self.semantics = semantics
        self.words = words
        self.hits = hits
        self.source_hits = source_hits
        self.paths = paths
        self.parameters = [one for one in book.parameters if one.concerns(words)]
        self.parameter_types = [one for one in book.parameter_types if one.concerns(words)]
        self.return_sinks = [pair for pair in book.return_sinks if pair[0].concerns(words)]
        answers = (signature for signature, _ in self.return_sinks)
        self.handlers = tuple(
            pattern
            for one in (*self.parameters, *self.parameter_types, *answers)
            for pattern in one.passed_to
        )
        self.globals: Frame | None = None
        self.running = False
        self.names: dict[str, Value] = {}

    def has_hit(self, start: int, end: int) -> bool:
        """Whether a word of an active rule stands between two offsets."""
        place = bisect_left(self.hits, start)
        return place < len(self.hits) and self.hits[place] < end

    def has_source(self, start: int, end: int) -> bool:
        """Whether a word of a source stands between two offsets."""
        place = bisect_left(self.source_hits, start)
        return place < len(self.source_hits) and self.source_hits[place] < end


class SinkHit:
    """A parameter's data reaches a sink inside a function: what its callers need to know."""

    __slots__ = ("end", "function", "label", "sink", "start", "taint", "unit")

    def __init__(
        self,
        sink: CompiledSink,
        label: Label,
        taint: Taint,
        unit: Unit,
        function: str,
        start: int,
        end: int,
    ) -> None:
        self.sink = sink
        self.label = label
        self.taint = taint
        self.unit = unit
        self.function = function
        self.start = start
        self.end = end


class Loop:
    """A loop or switch that is being run: the states that leave it or start its next round."""

    __slots__ = ("breaks", "continues", "is_switch", "label")

    def __init__(self, label: str, *, is_switch: bool = False) -> None:
        self.label = label
        self.is_switch = is_switch
        self.breaks: State | None = None
        self.continues: State | None = None


class Frame:
    """One activation. `state` is None where control does not get.

    `outer` is the frame around a closure. `parameter_cells` are containers that stand for what a
    parameter holds, by cell; `pending` the nested functions met so far.
    """

    __slots__ = (
        "declared",
        "exit_state",
        "function",
        "hits",
        "into",
        "jumps",
        "label",
        "last",
        "loops",
        "outer",
        "parameter_cells",
        "pending",
        "raised",
        "return_sinks",
        "returned",
        "state",
        "unit",
        "writes_outer",
    )

    def __init__(
        self, unit: Unit, function: Function | None, state: State, outer: Frame | None = None
    ) -> None:
        self.unit = unit
        self.function = function
        self.state: State | None = state
        self.last: State = state
        self.outer = outer
        self.writes_outer: tuple[str, ...] | None = ()
        self.declared: set[str] = set()
        self.label = ""  # of the loop that comes next
        self.into = ""  # the name that the value being computed is for
        self.returned: Value | None = None
        self.exit_state: State | None = None
        self.loops: list[Loop] = []
        self.raised: list[State] | None = None  # a list inside `try` only
        self.jumps: dict[str, State] = {}
        self.hits: list[SinkHit] = []
        self.parameter_cells: dict[int, int] = {}
        self.return_sinks: list[CompiledSink] = []
        self.pending: list[tuple[Function, Frame]] = []

    @property
    def live(self) -> State:
        """The state, or where the last path ended: what a closure may still see."""
        return self.state if self.state is not None else self.last

    def leave(self, *, returns: bool) -> None:
        """End this path of the function, by returning to its caller or by an exception."""
        state = self.state
        if state is None:
            return
        if returns:
            self.exit_state = join_states(self.exit_state, state)
        if self.raised is not None:
            self.raised.append(state)
        self.last = state
        self.state = None


class Summary:
    """What a function does for its callers, in terms of its parameters' data.

    `effects` are containers of parameters after the call, `cleaned` kinds that a parameter cannot
    harm once the function has returned, `ends` whether it never returns.
    """

    __slots__ = ("cleaned", "effects", "ends", "heap", "hits", "parameter_cells", "returned")

    def __init__(self) -> None:
        self.returned: Value | None = None
        self.hits: list[SinkHit] = []
        self.heap: Heap = Heap()
        self.effects: dict[int, Cells] = {}
        self.parameter_cells: dict[int, int] = {}
        self.cleaned: dict[int, int] = {}
        self.ends = False
