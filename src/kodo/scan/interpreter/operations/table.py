"""The words that rule files may use under `models: does`.

Knows every operation. Guards spelling together with `rules.schema.Does`, which refuses other words.
"""

from __future__ import annotations

from collections.abc import Callable

from kodo.scan.interpreter.memory import Memory
from kodo.scan.interpreter.operations import checks, containers, lists, replacing, text
from kodo.scan.interpreter.site import Site
from kodo.scan.interpreter.values import Value

Operation = Callable[[Memory, Site], Value]

OPERATIONS: dict[str, Operation] = {
    # text
    "upper": text.upper,
    "lower": text.lower,
    "trim": text.trim,
    "text": text.text,
    "same": text.same,
    "flows": text.flows,
    "from_receiver": text.from_receiver,
    "nothing": text.nothing,
    "body": text.body,
    "number": text.number,
    "length": text.length,
    "replace": text.replace,
    "replace_first": replacing.replace_first,
    "concat": text.concat,
    "split": text.split,
    "join": text.join,
    "format": text.format_slots,
    "char_at": text.char_at,
    "substring": text.substring,
    "find": text.find,
    "equals": text.equals,
    "starts_with": text.starts_with,
    "ends_with": text.ends_with,
    "contains": text.contains,
    # checks
    "match_whole": checks.match_whole,
    "match_start": checks.match_start,
    "match_anywhere": checks.match_anywhere,
    "matches_argument": checks.matches_argument,
    "finds_argument": checks.finds_argument,
    "compile_pattern": checks.compile_pattern,
    "is_type": checks.is_type,
    # containers
    "append": containers.append,
    "write": containers.write,
    "insert": containers.insert,
    "extend": containers.extend,
    "put": containers.put,
    "get": containers.get,
    "get_option": containers.get_option,
    "pop": containers.pop,
    "shift": lists.shift,
    "unshift": lists.unshift,
    "slice": lists.slice_items,
    "joined": lists.joined,
    "field": lists.field,
    "map_of_pairs": lists.map_of_pairs,
    "remove_at": containers.remove_at,
    "remove_value": containers.remove_value,
    "clear": containers.clear,
    "keys": containers.keys,
    "values": containers.values,
    "entries": containers.entries,
    "first_item": containers.first_item,
    "any_item": containers.any_item,
    "set_default": containers.set_default,
    "copy": containers.copy,
    "shuffled": containers.shuffled,
    "new_list": containers.new_list,
    "list_of": containers.list_of,
    "new_map": containers.new_map,
    "new_builder": containers.new_builder,
    "fill_first": containers.fill_first,
    "fill_rest": containers.fill_rest,
    "give_none": containers.give_none,
}

ENDS = "ends"
"""The word for a call that never returns. It is not an operation: the path ends."""
RUNS = frozenset({"calls", "calls_each", "calls_with", "filters", "finds"})
"""The words for calls that run the functions they are given: on the receiver's items (`map`;
`each`, which gives the receiver), on the receiver itself (`then`); keeping the items for which they
hold (`filter`), or one of them (`find`)."""
