"""The schema of rule files: what may stand in the YAML, field by field.

Does not know how rules are found or applied. Guards spelling: an unknown field or word is refused.
docs/design/006-scanner.md has the guide for people who write rules.
"""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from kodo.core.messages import Value
from kodo.scan.findings import Confidence, Severity

Place = int | str
"""Where in a call: a position, a keyword's name, or one of the words

`receiver` (what the method is called on), `any` (every argument), `value` and `key` (of a write),
`outer_key` (of `x[outer_key][key] = value`, which writes to `?.[]`),
`into` (the name of what the result is assigned to or passed as), `function` (the qualified name of
the function that calls).
"""


Does = Literal[
    "upper",
    "lower",
    "trim",
    "text",
    "same",
    "flows",
    "from_receiver",
    "nothing",
    "body",
    "number",
    "length",
    "replace",
    "replace_first",
    "concat",
    "split",
    "join",
    "format",
    "char_at",
    "substring",
    "find",
    "equals",
    "starts_with",
    "ends_with",
    "contains",
    "match_whole",
    "match_start",
    "match_anywhere",
    "matches_argument",
    "finds_argument",
    "compile_pattern",
    "is_type",
    "append",
    "write",
    "insert",
    "extend",
    "put",
    "get",
    "get_option",
    "pop",
    "shift",
    "unshift",
    "slice",
    "joined",
    "field",
    "map_of_pairs",
    "remove_at",
    "remove_value",
    "clear",
    "keys",
    "values",
    "entries",
    "first_item",
    "any_item",
    "set_default",
    "copy",
    "shuffled",
    "new_list",
    "list_of",
    "new_map",
    "new_builder",
    "give_none",
    "fill_first",
    "fill_rest",
    "ends",
    "calls",
    "calls_each",
    "calls_with",
    "filters",
    "finds",
]
"""What a library call does: the operations of `interpreter/operations`, and a few more.

`ends` never returns. These run the functions they are given: `calls` on the items of the receiver,
giving a list of the results; `calls_each` likewise, giving the receiver; `calls_with` on the
receiver itself, giving the result; `filters` and `finds` give the items for which they hold.
"""


class Condition(Value, frozen=True):
    """Holds when all its given fields hold of the first place of `at` that is there.

    An unknown value never satisfies `equals`, `matches`, `below`, `named`; `missing` holds when no
    place of `at` is given and no spread could give it. `element` looks into a container: at
    that position of a list, under that key of an object, with dots inside
    objects in it (`missing`: it has no such key for sure).
    """

    at: tuple[Place, ...]
    equals: bool | int | str | UnsetType | None = UNSET
    matches: str = ""
    below: int | None = None
    constant: bool | None = None
    missing: bool | None = None
    named: tuple[str, ...] = ()
    element: int | str | None = None
    tainted: bool | None = None


class Signature(Value, frozen=True):
    """Which functions or parameters are meant. Given fields must all hold.

    `marked`: a decorator, annotation or attribute; `bases`: a base class of its class; `functions`:
    the function's name; `typed`, `named`, `position`: of the parameter (the receiver does not
    count). `result`: what the function is declared to return. `except_types` and `except_defaults`
    leave parameters out by declared type or by the name of the default value. `passed_to` is what a
    closure is given to; `mark_argument` a regular expression for the constant first argument of the
    mark.
    """

    marked: tuple[str, ...] = ()
    parameter_marked: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    typed: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    position: int | None = None
    result: tuple[str, ...] = ()
    except_types: tuple[str, ...] = ()
    except_defaults: tuple[str, ...] = ()
    except_named: tuple[str, ...] = ()
    imports_any: tuple[str, ...] = ()
    passed_to: tuple[str, ...] = ()
    mark_argument: str = ""


class Fill(Value, frozen=True):
    """A call that writes outside data into its arguments: `fgets(buffer)`, `Decode(&form)`."""

    calls: tuple[str, ...]
    arguments: tuple[Place, ...]


class SourcePack(Value, frozen=True):
    """Where outside data comes in. Rules name packs, also by prefix: `http.*`.

    `except_in` names functions in which reads and calls of this pack give nothing from outside;
    `cleans` kinds that this data cannot harm as it comes (a path cannot name another host).
    """

    pack: str
    note: str
    confidence: Confidence = "high"
    reads: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    fills: tuple[Fill, ...] = ()
    except_in: tuple[Signature, ...] = ()
    cleans: tuple[str, ...] = ()
    parameters: tuple[Signature, ...] = ()


class TypeFact(Value, frozen=True):
    """What a call, name or parameter gives: `T()` for an instance of T, or a dotted name."""

    gives: str
    calls: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    parameters: tuple[Signature, ...] = ()


class Sanitizer(Value, frozen=True):
    """A call whose result can no longer harm the kinds it cleans."""

    calls: tuple[str, ...]
    cleans: tuple[str, ...]
    when: tuple[Condition, ...] = ()


class GuardCall(Value, frozen=True):
    """A call that tells good from bad: where it gives `holds`, the argument is clean."""

    calls: tuple[str, ...]
    cleans: tuple[str, ...]
    argument: Place = 0
    holds: bool = True


class Model(Value, frozen=True):
    """What a library call does, in one word."""

    calls: tuple[str, ...]
    does: Does


class Turn(Value, frozen=True):
    """A call after which its receiver or an argument is something else (`parser.setFeature(...)`).

    `becomes` is the new name: `T()`. With `at: result` it is the call's result that is so named,
    with `at: root` the variable that the receiver is reached through (`w` of `w.Header().Set()`).
    """

    calls: tuple[str, ...]
    becomes: str
    at: Place = "receiver"
    when: tuple[Condition, ...] = ()


class Sink(Value, frozen=True):
    """Where data does harm.

    One of `calls`, `writes` (an assignment's target) and `returns` (from such functions).
    `arguments` are the places that must not hold tainted data. `shape` "text" takes data of the
    value itself, not of a container's items. `certain` asks that the data went through described
    code only.
    """

    calls: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    returns: tuple[Signature, ...] = ()
    arguments: tuple[Place, ...] = (0,)
    element: int | str | None = None
    shape: Literal["any", "text"] = "any"
    certain: bool = False
    receiver: str = ""
    imports_any: tuple[str, ...] = ()
    when: tuple[Condition, ...] = ()
    unless: tuple[Condition, ...] = ()


class Pattern(Value, frozen=True):
    """A weakness that needs no data flow: a call, read, write or function under conditions."""

    calls: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    receiver: str = ""
    imports_any: tuple[str, ...] = ()
    when: tuple[Condition, ...] = ()
    unless: tuple[Condition, ...] = ()


class Examples(Value, frozen=True):
    """Code that the rule must find, and code that it must leave alone. Every rule has both."""

    bad: tuple[str, ...]
    good: tuple[str, ...]


class Rule(Value, frozen=True):
    """One weakness: sinks and the sources that matter to them, patterns, or a checker, or several.

    `checker` names code of the language (`ScanLanguage.checkers`) that reports this rule; `words`
    are those of which a function must have one for the checker to look at it, none for every
    function.
    """

    id: str
    kind: str
    cwe: int
    message: str
    tests: Examples
    fix: str = ""
    severity: Severity = "error"
    confidence: Confidence = "high"
    sources: tuple[str, ...] = ("http.*",)
    sinks: tuple[Sink, ...] = ()
    patterns: tuple[Pattern, ...] = ()
    checker: str = ""
    words: tuple[str, ...] = ()


class RuleFile(Value, frozen=True):
    """One YAML file."""

    languages: tuple[str, ...]
    sources: tuple[SourcePack, ...] = ()
    types: tuple[TypeFact, ...] = ()
    sanitizers: tuple[Sanitizer, ...] = ()
    guards: tuple[GuardCall, ...] = ()
    models: tuple[Model, ...] = ()
    turns: tuple[Turn, ...] = ()
    rules: tuple[Rule, ...] = ()
