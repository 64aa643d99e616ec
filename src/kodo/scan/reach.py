"""Which functions of a file can give a finding at all: those from which words of rules are reached.

Knows names and places, not what code does: whatever a function mentions by name may be called,
read or passed on by it. Guards speed without loss: a function is left out only where neither it nor
anything it mentions, directly or by way of others, has a pattern, or both a source and a danger.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from kodo.scan.ir import Assign, Class, Declare, Function, Module, Node
from kodo.scan.text import SourceText

SOURCE = 1
DANGER = 2
PATTERN = 4
CHECKED = 8
"""A word of a checker, which looks for itself: nothing follows from it for the interpreter."""

FLOW = SOURCE | DANGER

_WORD = re.compile(r"[A-Za-z_$][\w$]*")


class Hits(NamedTuple):
    """Places of words that rules speak of: sorted byte offsets, and the roles of each."""

    offsets: list[int]
    roles: list[int]

    def of(self, role: int) -> list[int]:
        """Return the offsets of the words of one role."""
        return [
            offset for offset, roles in zip(self.offsets, self.roles, strict=True) if roles & role
        ]

    def without(self, role: int) -> Hits:
        """Return the words that have another role as well, without this one."""
        kept = [
            (offset, roles & ~role)
            for offset, roles in zip(self.offsets, self.roles, strict=True)
            if roles & ~role
        ]
        return Hits([offset for offset, _ in kept], [roles for _, roles in kept])

    def within(self, start: int, end: int) -> int:
        """Return the roles of the words between two offsets."""
        place = bisect_left(self.offsets, start)
        roles = 0
        while place < len(self.offsets) and self.offsets[place] < end and roles != FLOW | PATTERN:
            roles |= self.roles[place]
            place += 1
        return roles


class Reach:
    """A file's definitions, and what each leads to by the names that it mentions.

    `foreign` are the roles of what other files bring in under a name, `ambient` those of names that
    nobody spells out (wildcard imports).
    """

    def __init__(
        self,
        module: Module,
        text: SourceText,
        hits: Hits,
        foreign: Mapping[str, int],
        ambient: int,
    ) -> None:
        self._text = text
        self._foreign = foreign
        self._ambient = ambient
        self._roles: list[int] = []
        self._names: list[tuple[str, ...]] = []
        self._words: list[set[str]] = []
        self._functions: dict[int, int] = {}
        self._add_functions(module, hits)
        self._add_classes(module, hits)
        self._add_statements(module, hits)
        self._add_headers(module, hits)
        self._spread()

    def is_relevant(self, function: Function) -> bool:
        """Whether looking at a function can give a finding."""
        roles = self._roles[self._functions[id(function)]] | self._ambient
        return bool(roles & PATTERN) or roles & FLOW == FLOW

    # --- definitions --------------------------------------------------------------------------

    def _add(self, names: tuple[str, ...], roles: int, words: set[str]) -> int:
        self._roles.append(roles)
        self._names.append(names)
        self._words.append(words)
        return len(self._roles) - 1

    def _mentioned(self, start: int, end: int) -> set[str]:
        return set(_WORD.findall(self._text.latin, start, end))

    def _add_functions(self, module: Module, hits: Hits) -> None:
        for function in module.functions.values():
            if id(function) in self._functions:
                continue
            start, end = function.start, function.end
            words = self._mentioned(start, end)
            if function.owner is not None:
                words.add(_class_name(function.owner))
            self._functions[id(function)] = self._add(
                _written(function.name), hits.within(start, end), words
            )

    def _add_classes(self, module: Module, hits: Hits) -> None:
        """A class brings what stands between its methods, and its constructor, into all of them."""
        for definition in module.classes.values():
            methods = sorted(
                (one.start, one.end) for one in module.functions.values() if one.owner is definition
            )
            roles, words = 0, set[str]()
            start = definition.start
            for first, last in [*methods, (definition.end, definition.end)]:
                if first > start:
                    roles |= hits.within(start, first)
                    words |= self._mentioned(start, first)
                start = max(start, last)
            words.update(_written(definition.constructor))
            self._add((*_written(definition.name), _class_name(definition)), roles, words)

    def _add_statements(self, module: Module, hits: Hits) -> None:
        """What the top level puts under a name, whoever mentions the name can reach."""
        written = [(node, self._targets(node)) for node in module.body]
        known = {name for _, names in written for name in names}
        for node, names in written:
            words = self._mentioned(node.start, node.end)
            roles = hits.within(node.start, node.end)
            self._add(tuple(names or words & known), roles, words)

    def _targets(self, node: Node) -> set[str]:
        if isinstance(node, (Assign, Declare)):
            return self._mentioned(node.target.start, node.target.end)
        return set()

    def _add_headers(self, module: Module, hits: Hits) -> None:
        """What stands before a definition outside of all others (an attribute) belongs to it."""
        spans = sorted(
            {(one.start, one.end, place) for one, place in self._placed(module)},
            key=lambda span: (span[0], -span[1]),
        )
        body = sorted((node.start, node.end) for node in module.body)
        starts, body_starts = [span[0] for span in spans], [span[0] for span in body]
        reached: list[int] = []  # the furthest end of a span that starts before
        for _, end, _ in spans:
            reached.append(max(end, reached[-1]) if reached else end)
        for offset, roles in zip(hits.offsets, hits.roles, strict=True):
            after = bisect_right(starts, offset)
            if after >= len(spans) or (after and reached[after - 1] > offset):
                continue
            at = bisect_right(body_starts, offset)
            if at and body[at - 1][1] > offset:
                continue
            self._roles[spans[after][2]] |= roles

    def _placed(self, module: Module) -> Iterable[tuple[Function | Class, int]]:
        for function in module.functions.values():
            yield function, self._functions[id(function)]
        first = len(self._functions)
        for number, definition in enumerate(module.classes.values()):
            yield definition, first + number

    # --- the way back from what is mentioned to who mentions it ---------------------------------

    def _spread(self) -> None:
        """Give each definition the roles of all that it leads to."""
        by_name: dict[str, int] = dict(self._foreign)
        for names, roles in zip(self._names, self._roles, strict=True):
            for name in names:
                by_name[name] = by_name.get(name, 0) | roles
        mentions: dict[str, list[int]] = {}
        for place, words in enumerate(self._words):
            for name in words & by_name.keys():
                mentions.setdefault(name, []).append(place)
        pending = [name for name, roles in by_name.items() if roles and name in mentions]
        while pending:
            name = pending.pop()
            roles = by_name[name]
            for place in mentions[name]:
                before = self._roles[place]
                if before | roles == before:
                    continue
                self._roles[place] = before | roles
                for own in self._names[place]:
                    if by_name[own] | roles != by_name[own]:
                        by_name[own] |= roles
                        if own in mentions:
                            pending.append(own)


def _written(name: str) -> tuple[str, ...]:
    """Return the words by which a name stands in the text: `save!` is `save`, others are UTF-8."""
    return tuple(_WORD.findall(name.encode("utf-8", "replace").decode("latin-1")))


def _class_name(definition: Class) -> str:
    """Return a name for a class that no word of a file can be: its methods lead to it."""
    return f"class {definition.qualified}"
