"""Operators, interpolated text and choices: folded where known, and what tests prove.

Does not know how operands are evaluated. Guards that each operand of `and` and `or` is seen with
what the ones before it have shown.
"""

from __future__ import annotations

from kodo.scan.interpreter.fold import fold_binary, fold_unary, text_of, truth
from kodo.scan.interpreter.memory import Memory
from kodo.scan.interpreter.operations.containers import extended
from kodo.scan.interpreter.operations.text import fold_percent, is_origin, membership
from kodo.scan.interpreter.proofs import both, either, equality, negated, proven
from kodo.scan.interpreter.state import Shown, State, join_states
from kodo.scan.interpreter.values import (
    BUILT,
    FALSE,
    TRUE,
    UNKNOWN,
    VARIES,
    Cells,
    Fact,
    Proof,
    Taints,
    Value,
    cleaned,
    join_values,
)
from kodo.scan.ir import (
    Choice,
    Name,
    Node,
    Operation,
    Slice,
    Text,
)

NUMBERS_ONLY = frozenset({"-", "<<", ">>", "&", "^", "~", "//"})
COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">=", "is", "is not", "===", "!=="})


class Operators(Memory):
    """Evaluation of operators."""

    def assume(self, facts: tuple[Fact, ...]) -> None:
        """Apply what a test has shown to every variable and container that holds the data."""
        state = self.frame.state
        if state is None or not facts:
            return
        for fact in facts:
            if fact.variable and fact.variable in state.variables:
                held = state.variables[fact.variable]
                state.variables[fact.variable] = Value(fact.constant, name=held.name)
        if all(fact.taints is None for fact in facts):
            return
        self._remember(facts, state)
        frame = self.frame
        outer = frame.outer
        while outer is not None:
            for name, value in outer.live.variables.items():
                if value.taints is not None and name not in state.variables:
                    state.variables[name] = value
            outer = outer.outer
        for name, value in state.variables.items():
            if value.taints is not None:
                left = proven(value.taints, facts)
                if left is not value.taints:
                    state.variables[name] = Value(
                        value.constant, left, value.name, value.cell, value.target
                    )
        shown: dict[int, Cells] = {}
        for cell, cells in state.heap.items():
            for key, value in cells.items.items():
                if value.taints is not None:
                    left = proven(value.taints, facts)
                    if left is not value.taints:
                        made = Value(value.constant, left, value.name, value.cell, value.target)
                        cells = Cells(
                            cells.kind, cells.items | {key: made}, cells.rest, exact=cells.exact
                        )
                        shown[cell] = cells
        for cell, cells in shown.items():
            state.heap.write(cell, cells)

    def _remember(self, facts: tuple[Fact, ...], state: State) -> None:
        """Keep what is shown of data as it came in: it may be read again by the same name."""
        shown: Shown | None = None
        for fact in facts:
            for label, taint in (fact.taints or {}).items():
                if taint.version == 0 and label.path[-1:] != ("*",):
                    shown = dict(state.shown) if shown is None else shown
                    shown[label] = shown.get(label, 0) | fact.kinds
        if shown is not None:
            state.shown = shown

    def _operation(self, node: Operation) -> Value:
        operator, operands = node.operator, node.operands
        if operator in ("and", "or", "&&", "||", "??"):
            return self._logic("and" if operator in ("and", "&&") else "or", operands)
        if len(operands) == 1:
            return self._unary(operator, operands[0], node)
        if operator in ("in", "not in"):
            return self._membership(operator, operands[0], operands[1])
        values = [self.evaluate(operand) for operand in operands]
        if operator in COMPARISONS:
            return self._compare(operator, values, operands)
        semantics = self.frame.unit.semantics
        constant = values[0].constant
        for value in values[1:]:
            constant = fold_binary(operator, constant, value.constant, semantics)
        if constant is not VARIES:
            return Value(constant)
        if operator in NUMBERS_ONLY:
            return UNKNOWN
        if operator == "%":
            folded = self._percent(values)
            if folded is not VARIES:
                return Value(folded)
        if operator == "+" and any(value.cell for value in values):
            joined = self._concatenated(values)
            if joined is not None:
                return joined
        taints = self.union(values, node)
        name = values[0].name if operator == "/" else ""
        if operator in ("+", "%"):
            first = values[0].constant
            if isinstance(first, str) and taints is not None and operator == "+":
                taints = self.after_prefix(taints, first)
            if any(isinstance(value.constant, str) for value in values) or values[0].name == BUILT:
                name = BUILT
        return Value(taints=taints, name=name) if taints is not None or name else UNKNOWN

    def _percent(self, values: list[Value]) -> object:
        cells = self.cells(values[-1].cell)
        if cells is not None and cells.exact and cells.kind == "tuple":
            return fold_percent(
                values[0].constant, [item.constant for item in cells.items.values()]
            )
        return fold_percent(values[0].constant, [values[-1].constant])

    def _concatenated(self, values: list[Value]) -> Value | None:
        first = self.cells(values[0].cell)
        if first is None or first.kind not in ("list", "tuple"):
            return None
        for value in values[1:]:
            first = extended(self, first, value)
        return Value(cell=self.new_cell(first))

    def _unary(self, operator: str, operand: Node, node: Operation) -> Value:
        value = self.evaluate(operand)
        if operator in ("not", "!"):
            known = truth(value.constant, self.frame.unit.semantics)
            if known is not None:
                return FALSE if known else TRUE
            proof = negated(value.proof)
            return Value(proof=proof) if proof is not None else UNKNOWN
        if operator in ("address", "deref", "try"):
            return value
        constant = fold_unary(operator, value.constant, self.frame.unit.semantics)
        if constant is not VARIES:
            return Value(constant)
        if operator in ("-", "+", "~"):
            return UNKNOWN
        taints = self.union([value], node)
        return Value(taints=taints) if taints is not None else UNKNOWN

    def _logic(self, operator: str, operands: list[Node]) -> Value:
        """`and` and `or`: each operand is seen with what the ones before it have shown."""
        semantics = self.frame.unit.semantics
        saved = self.frame.state
        refined = False
        values: list[Value] = []
        for operand in operands:
            value = self.evaluate(operand)
            known = truth(value.constant, semantics)
            if known is (operator == "or") and known is not None:
                values.append(value)
                break
            if known is None or operand is operands[-1]:
                values.append(value)
            proof = value.proof
            facts = (
                () if proof is None else proof.when_true if operator == "and" else proof.when_false
            )
            if facts and operand is not operands[-1] and self.frame.state is not None:
                if not refined:
                    self.frame.state, refined = self.frame.state.copy(), True
                self.assume(facts)
        if refined:
            self.frame.state = join_states(saved, self.frame.state)
        if len(values) == 1:
            return values[0]
        if operator == "and":
            last = values[-1]
            constant = FALSE.constant if truth(last.constant, semantics) is False else VARIES
            return Value(constant, last.taints, last.name, last.cell, last.target, both(values))
        joined = values[0]
        for value in values[1:]:
            joined = join_values(joined, value)
        return Value(
            joined.constant, joined.taints, joined.name, joined.cell, joined.target, either(values)
        )

    def _membership(self, operator: str, item_node: Node, whole_node: Node) -> Value:
        item, whole = self.evaluate(item_node), self.evaluate(whole_node)
        found = membership(self, item, whole)
        if (
            isinstance(whole_node, Slice)
            and item.constant in ("'", '"')
            and whole_node.step is None
        ):
            # `quote in x[1:-1]`: x can be one plain string literal, and nothing after it
            inner = self.evaluate(whole_node.object)
            if inner.taints is not None:
                mask = self.frame.unit.book.kinds.mask(("codeinj",))
                found = Value(proof=Proof(when_false=(Fact(inner.taints, mask),)))
        if operator == "in":
            return found
        if isinstance(found.constant, bool):
            return FALSE if found.constant else TRUE
        proof = negated(found.proof)
        return Value(proof=proof) if proof is not None else UNKNOWN

    def _compare(self, operator: str, values: list[Value], nodes: list[Node]) -> Value:
        one, other = values[0], values[1]
        normal = {"===": "==", "!==": "!="}.get(operator, operator)
        constant = fold_binary(normal, one.constant, other.constant, self.frame.unit.semantics)
        if constant is not VARIES:
            return TRUE if constant else FALSE
        if normal not in ("==", "!=", "is", "is not"):
            return self._bounded(normal, one, other)
        place = 0 if one.constant is VARIES else 1
        unknown, node = values[place], nodes[place]
        proof = equality(one, other, unknown.taints, node.name if isinstance(node, Name) else "")
        if proof is not None and unknown.taints is not None:
            proof = Proof((*proof.when_true, *self._host_facts(unknown)), ())
        shown = unknown.proof
        nothing = values[1 - place].constant
        if shown is not None and (nothing is None or (nothing is not True and nothing == 0)):
            known = proof.when_true if proof is not None else ()
            proof = Proof((*known, *shown.when_false), shown.when_true)
        if normal in ("!=", "is not"):
            proof = negated(proof)
        return Value(proof=proof) if proof is not None else UNKNOWN

    def _bounded(self, operator: str, one: Value, other: Value) -> Value:
        """`n < limit`: a number with an upper bound of our own fits where it goes."""
        if (one.taints is None) == (other.taints is None):
            return UNKNOWN
        fact = Fact(one.taints or other.taints, self.frame.unit.book.kinds.mask(("intoverflow",)))
        is_below = (operator in ("<", "<=")) == (one.taints is not None)
        return Value(proof=Proof((fact,), ()) if is_below else Proof((), (fact,)))

    def _host_facts(self, value: Value) -> tuple[Fact, ...]:
        found = membership(self, value, UNKNOWN)
        return found.proof.when_true if found.proof is not None else ()

    def _text(self, node: Text) -> Value:
        values = [self.evaluate(part) for part in node.parts]
        taints = self.union(values, node)
        if taints is None and all(value.constant is not VARIES for value in values):
            return Value("".join(text_of(value.constant) for value in values))
        if taints is None:
            return Value(name=BUILT)
        first = values[0].constant if values else VARIES
        prefix = first if isinstance(first, str) else ""
        return Value(taints=self.after_prefix(taints, prefix), name=BUILT)

    def after_prefix(self, taints: Taints, prefix: str) -> Taints:
        """Return the data behind a constant prefix; a whole origin fixes where a URL leads."""
        if not is_origin(prefix):
            return taints
        return cleaned(taints, self.frame.unit.book.kinds.mask(("redirect", "ssrf"))) or taints

    def _choice(self, node: Choice) -> Value:
        test = self.evaluate(node.test)
        known = truth(test.constant, self.frame.unit.semantics)
        if known is not None:
            return self.evaluate(node.then if known else node.otherwise)
        before = self.frame.state
        if before is None or test.proof is None:
            return join_values(self.evaluate(node.then), self.evaluate(node.otherwise))
        self.frame.state = before.copy()
        self.assume(test.proof.when_true)
        then = self.evaluate(node.then)
        after = self.frame.state
        self.frame.state = before
        self.assume(test.proof.when_false)
        otherwise = self.evaluate(node.otherwise)
        self.frame.state = join_states(after, self.frame.state)
        return join_values(then, otherwise)
