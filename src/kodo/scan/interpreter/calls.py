"""Calls: name them, judge them, and find what they give.

The order: sinks and patterns; then source, model, sanitizer, the repository's own code; last the
default: the result holds the data of receiver and arguments, and is less certain. Does not know how
functions are summarised. Guards that closures which are passed on are looked into.
"""

from __future__ import annotations

from kodo.scan.interpreter.judging import Judging
from kodo.scan.interpreter.operations.table import ENDS, OPERATIONS, RUNS
from kodo.scan.interpreter.proofs import proven
from kodo.scan.interpreter.site import Site
from kodo.scan.interpreter.unit import Frame
from kodo.scan.interpreter.values import (
    NOTHING,
    UNKNOWN,
    VARIES,
    Cells,
    Fact,
    Proof,
    Taints,
    Target,
    Value,
    changed,
    cleaned,
    join_taints,
    join_values,
)
from kodo.scan.ir import Call, Class, Field, Function, Name, Node, Spread
from kodo.scan.rules.book import CallEntry
from kodo.scan.rules.names import matches_any
from kodo.scan.rules.schema import SourcePack

MAX_NAME = 160


class Calls(Judging):
    """Evaluation of calls."""

    # --- what upper parts do ----------------------------------------------------------------

    def invoke(self, target: Target, site: Site) -> Value | None:
        """Return what a function of the repository gives; None where it cannot be looked into."""
        raise NotImplementedError

    def instantiate(self, target: Target, site: Site) -> Value:
        """Return a new instance of a class of the repository."""
        raise NotImplementedError

    def run_closure(self, target: Target, site: Site, data: Taints | None, first: Value) -> Value:
        """Run a closure that `site` was given, on what it may be called with."""
        raise NotImplementedError

    # --- calls --------------------------------------------------------------------------------

    def call(self, node: Call) -> Value:
        """Return what a call gives, and report what is wrong with it."""
        function = node.function
        receiver: Value | None = None
        receiver_node: Node | None = None
        callee = UNKNOWN
        if isinstance(function, Field):
            receiver_node, last = function.object, function.name
            receiver = self.evaluate(receiver_node)
            callee = self._method(receiver, last, function)
            name = callee.name or f"{receiver.name or '?'}.{last}"
            if len(name) > MAX_NAME:
                name = f"?.{last}"
            if self.frame.unit.semantics.fields_by_call and not node.arguments:
                held = self._held(receiver, last)
                if held is not None:
                    return held
        elif isinstance(function, Name):
            callee = self.read_name(function.name, function)
            name = callee.name or function.name
            last = name.rpartition(".")[2]
        else:
            callee = self.evaluate(function)
            name = callee.name or "?"
            last = name.rpartition(".")[2]
        site = self._site(node, name, last, receiver, receiver_node)
        entry = self.frame.unit.book.calls.get(last)
        if entry is not None:
            self.judge_call(entry, site)
        return self._result(entry, site, callee)

    def _held(self, receiver: Value, name: str) -> Value | None:
        """Return what a field holds that is read by a call of its name."""
        cells = self.cells(receiver.cell)
        if cells is not None and cells.kind == "object":
            item = cells.items.get(f"@{name}")
            if item is not None:
                return item
        target = receiver.target
        if target is not None and isinstance(target.code, Class) and receiver.name.endswith("()"):
            return self.class_fields.get((id(target.code), f"@{name}"))
        return None

    def _site(
        self, node: Call, name: str, last: str, receiver: Value | None, receiver_node: Node | None
    ) -> Site:
        arguments: list[Value] = []
        keywords: dict[str, Value] = {}
        spread = False
        for argument in node.arguments:
            if isinstance(argument, Spread):
                spread = True
                inner = self.evaluate(argument.value)
                cells = self.cells(inner.cell)
                if cells is not None and cells.exact and cells.kind in ("list", "tuple"):
                    arguments.extend(cells.items.values())
                    continue
                arguments.append(self.elements_of(inner, argument))
            else:
                arguments.append(self.evaluate(argument))
        for keyword in node.keywords:
            value = self.evaluate(keyword.value)
            if keyword.name:
                keywords[keyword.name] = value
                continue
            spread = True
            cells = self.cells(value.cell)
            if cells is not None:
                for key, item in cells.items.items():
                    if isinstance(key, str):
                        keywords.setdefault(key, item)
                if cells.exact and cells.rest is None:
                    continue
            keywords["**"] = value
        into = self.frame.into
        return Site(
            node, name, last, receiver, receiver_node, arguments, keywords, spread=spread, into=into
        )

    def _method(self, receiver: Value, name: str, node: Field) -> Value:
        """Return the method of a receiver as far as it is known to be code of the repository."""
        cells = self.cells(receiver.cell)
        if cells is not None:
            item = cells.items.get(name)
            if item is not None and item.target is not None:
                return item
        target = receiver.target
        if target is not None and isinstance(target.code, Class):
            member = self.member(receiver, target, name, node)
            if member is not None:
                return member
        return UNKNOWN

    def _result(self, entry: CallEntry | None, site: Site, callee: Value) -> Value:
        target = callee.target
        handlers = self.frame.unit.handlers
        if handlers and matches_any(site.name, handlers) and _gives_code(site):
            return self._handled(entry, site)
        if entry is not None:
            if entry.fills:
                self._fill(entry, site)
            if entry.turns:
                turned = self._turned(entry, site)
                if turned:
                    return Value(taints=self.union(site.everything(), site.node), name=turned)
            known = self._known(entry, site, own=target is not None)
            if known is not None:
                return known
        if target is None and callee.name and site.receiver is None:
            target = self.find_external(callee.name, self.frame.unit)
        elif target is None and site.receiver is not None and site.receiver.name:
            target = self.find_external(site.name, self.frame.unit)
        result: Value | None = None
        if target is not None:
            if isinstance(target.code, Class):
                return self.instantiate(target, site)
            result = self.invoke(target, site)
            if result is not None:
                given = self._type(entry, site)
                return self._renamed(result, given) if given else result
        return self._unknown_call(entry, site, target)

    def _renamed(self, value: Value, name: str) -> Value:
        return Value(value.constant, value.taints, name, value.cell, value.target, value.proof)

    # --- what rules know ------------------------------------------------------------------------

    def _known(self, entry: CallEntry, site: Site, *, own: bool) -> Value | None:
        """Return what sources, sanitizers and models say. For `own` code only exact names count."""
        name = site.name
        for pattern, pack in entry.sources:
            if pattern.matches(name) and not (own and pattern.tail):
                taints = self.recall(self.tainted_by(pack, site.node, self._same_data(pack, site)))
                return Value(taints=taints, name=self._type(entry, site) or f"{name}()")
        result: Value | None = None
        for pattern, word in entry.models:
            if pattern.matches(name) and not (own and pattern.tail):
                if word == ENDS:
                    self.frame.leave(returns=False)
                    return UNKNOWN
                result = (
                    self._run_given(word, site) if word in RUNS else OPERATIONS[word](self, site)
                )
                given = self._type(entry, site)
                if not given and not pattern.tail and result.constant is VARIES and not result.name:
                    given = f"{name}()"
                if given:
                    result = self._renamed(result, given)
                break
        mask = 0
        for pattern, sanitizer in entry.sanitizers:
            if (
                pattern.matches(name)
                and not (own and pattern.tail)
                and all(self.holds(check, site) for check in sanitizer.when)
            ):
                mask |= sanitizer.mask
        proof = self._guarded(entry, site, own=own) if entry.guards else None
        if mask:
            if result is None:
                result = Value(
                    taints=self.union(site.everything(), site.node),
                    name=self._type(entry, site) or f"{name}()",
                )
            taints = cleaned(self.data_of(result), mask)
            proof = result.proof or proof
            return Value(result.constant, taints, result.name, 0, result.target, proof)
        return Value(proof=proof) if proof is not None else result

    def _guarded(self, entry: CallEntry, site: Site, *, own: bool) -> Proof | None:
        """Return what it shows of an argument that a call tells good from bad."""
        for pattern, guard in entry.guards:
            if pattern.matches(site.name) and not (own and pattern.tail):
                tested = site.argument(guard.spec.argument)
                if tested is None or tested.taints is None:
                    return None
                fact = (Fact(tested.taints, guard.mask),)
                return Proof(fact, ()) if guard.spec.holds else Proof((), fact)
        return None

    @staticmethod
    def _same_data(pack: SourcePack, site: Site) -> str:
        """Return the name of data that is the same whenever it is asked for: a request's field."""
        constants = [argument.constant for argument in site.arguments]
        if not pack.pack.startswith("http") or not constants or site.keywords:
            return ""
        if any(not isinstance(constant, (str, int)) for constant in constants):
            return ""
        return f"{site.name}({constants})"

    def _type(self, entry: CallEntry | None, site: Site) -> str:
        if entry is not None:
            for pattern, gives in entry.types:
                if pattern.matches(site.name):
                    return gives
        return ""

    def _fill(self, entry: CallEntry, site: Site) -> None:
        """Taint the arguments that a call writes outside data into."""
        for pattern, (pack, places) in entry.fills:
            if not pattern.matches(site.name):
                continue
            data = Value(taints=self.tainted_by(pack, site.node))
            for place in places:
                node = site.argument_node(place)
                value = site.argument(place)
                if node is not None and value is not None:
                    self.put(self.ensure_cell(node, value), None, data)

    def _turned(self, entry: CallEntry, site: Site) -> str:
        """Rename what a call makes something else of; return the name of the result, if that."""
        for pattern, turn in entry.turns:
            if pattern.matches(site.name) and all(self.holds(check, site) for check in turn.when):
                if turn.spec.at == "result":
                    return turn.spec.becomes
                if turn.spec.at == "root":
                    node = _root(site.receiver_node)
                    value = self.evaluate(node) if isinstance(node, Name) else None
                else:
                    node, value = site.argument_node(turn.spec.at), site.argument(turn.spec.at)
                if isinstance(node, Name) and value is not None:
                    self.write_name(node.name, self._renamed(value, turn.spec.becomes), quiet=True)
        return ""

    # --- what nobody has described ----------------------------------------------------------------

    def _unknown_call(self, entry: CallEntry | None, site: Site, target: Target | None) -> Value:
        values = site.everything()
        data: Taints | None = None
        returned: Value | None = None
        has_closure = False
        for value in values:
            if value.taints is not None or value.cell:
                data = join_taints(data, self.data_of(value))
            if value.target is not None and value.target.scope is not None:
                has_closure = True
        if has_closure:
            returned = self._callback(site)
            data = join_taints(data, returned.taints)
        data = changed(data, site.node.start, certain=False)
        name = self._type(entry, site)
        if not name and site.name[0] != "?" and len(site.name) < MAX_NAME:
            name = f"{site.name}()"
        if site.node.creates and self.frame.unit.semantics.typed_instances:
            if not site.arguments:  # a literal of a struct, with its fields
                held: dict[object, Value] = {**site.keywords}
                return Value(name=name, cell=self.new_cell(Cells("object", held)))
            only = self.cells(site.first().cell)
            if len(site.arguments) == 1 and only is not None and only.kind == "map":
                return Value(name=name, cell=site.first().cell)  # of a map
        if target is not None and isinstance(target.code, Function) and not name.startswith("?"):
            data = self.step(data, site.node, f"goes through {site.last}()")
        return Value(taints=data, name=name) if data is not None or name else UNKNOWN

    def _handled(self, entry: CallEntry | None, site: Site) -> Value:
        """Run the functions that are registered as handlers: `app.get("/", handler)`."""
        for value in (*site.arguments, *site.keywords.values()):
            if value.target is not None and isinstance(value.target.code, Function):
                self.run_closure(value.target, site, None, UNKNOWN)
        name = self._type(entry, site) or (f"{site.name}()" if site.name[0] != "?" else "")
        return Value(name=name) if name else UNKNOWN

    def _run_given(self, word: str, site: Site) -> Value:
        """Run the functions that a described call is given on the receiver or on its items."""
        subject = site.subject()
        element = subject if word == "calls_with" else self.elements_of(subject, site.node)
        data: Taints | None = None
        for value in site.others():
            if value.target is None:
                data = join_taints(data, self.data_of(value))
        result: Value | None = None
        for value in (*site.others(), *site.keywords.values()):
            target = value.target
            if target is not None and isinstance(target.code, Function):
                given = self.run_closure(target, site, data, element)
                result = given if result is None else join_values(result, given)
        if result is None or word == "calls_each":
            return subject
        if word in ("filters", "finds"):
            proof = result.proof
            left = element.taints
            if left is not None and proof is not None:
                left = proven(left, proof.when_true)
            kept = Value(taints=left, name=element.name, cell=element.cell)
            if element.taints is None:
                kept = element
            if word == "finds":
                return kept
            return Value(cell=self.new_cell(Cells("list", {}, kept, exact=False)))
        if word == "calls_with":
            return result
        return Value(cell=self.new_cell(Cells("list", {}, result, exact=False)))

    def _callback(self, site: Site) -> Value:
        """Run the closures among the arguments; give what they return."""
        first = site.receiver if site.receiver is not None else UNKNOWN
        element = self.elements_of(first, site.node) if first is not UNKNOWN else UNKNOWN
        data: Taints | None = None
        for value in site.everything():
            if value.taints is not None or value.cell:
                data = join_taints(data, self.data_of(value))
        data = changed(data, site.node.start, certain=False)
        result = UNKNOWN
        for value in (*site.arguments, *site.keywords.values()):
            target = value.target
            if target is None or not isinstance(target.code, Function):
                continue
            if isinstance(target.scope, Frame):
                given = self.run_closure(target, site, data, element)
                result = given if result is UNKNOWN else join_values(result, given)
        if result is UNKNOWN:
            return Value(taints=data) if data is not None else UNKNOWN
        if result.constant is not VARIES or result is NOTHING:
            result = Value(taints=result.taints)
        rest = Cells("list", {}, result, exact=False)
        return Value(taints=result.taints, cell=self.new_cell(rest))


def _root(node: Node | None) -> Node | None:
    """Return what a chain of fields and calls begins with: `w` of `w.Header().Set`."""
    while True:
        if isinstance(node, Field):
            node = node.object
        elif isinstance(node, Call):
            node = node.function
        else:
            return node


def _gives_code(site: Site) -> bool:
    """Whether a function is among the arguments: what registers a handler has one."""
    return any(
        value.target is not None and isinstance(value.target.code, Function)
        for value in (*site.arguments, *site.keywords.values())
    )
