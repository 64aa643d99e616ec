"""Statements: how the state goes on, splits and meets again.

Does not know functions. Guards termination (a loop's body runs at most MAX_ROUNDS times) and that
`break` and `continue` keep their state.
"""

from __future__ import annotations

from collections.abc import Callable

from kodo.scan.interpreter.assignments import Assignments
from kodo.scan.interpreter.fold import same_constant, truth
from kodo.scan.interpreter.site import short_name
from kodo.scan.interpreter.state import Heap, State, join_cells, join_states
from kodo.scan.interpreter.unit import Loop, Unit
from kodo.scan.interpreter.values import (
    NOTHING,
    UNKNOWN,
    VARIES,
    Value,
    join_values,
)
from kodo.scan.ir import (
    Assign,
    Block,
    Break,
    Case,
    Continue,
    Declare,
    Defer,
    Define,
    DefineClass,
    ForEach,
    Goto,
    If,
    Label,
    Name,
    Node,
    Return,
    Scope,
    Switch,
    Throw,
    Try,
    Using,
    While,
)

MAX_ROUNDS = 2


class Statements(Assignments):
    """Execution of statements."""

    def __init__(self, root: Unit) -> None:
        super().__init__(root)
        self._executors: dict[type[Node], Callable[..., None]] = {
            Assign: self._assign,
            Declare: self._declare,
            If: self._if,
            While: self._while,
            ForEach: self._for_each,
            Try: self._try,
            Using: self._using,
            Defer: self._defer,
            Switch: self._switch,
            Return: self._return,
            Throw: self._throw,
            Break: self._break,
            Continue: self._continue,
            Goto: self._goto,
            Label: self._label,
            Scope: self._scope,
            Define: self._define_function,
            DefineClass: self._define_class,
        }

    # --- what upper parts do ----------------------------------------------------------------

    def check_time(self) -> None:
        """Raise where the deadline has passed."""
        raise NotImplementedError

    # --- blocks -----------------------------------------------------------------------------

    def execute(self, block: Block) -> None:
        """Run statements until the path ends."""
        frame = self.frame
        executors = self._executors
        self.check_time()
        for node in block:
            if frame.state is None and not (frame.jumps and isinstance(node, Label)):
                if not frame.jumps:
                    return
                continue
            executor = executors.get(type(node))
            if executor is None:
                self.evaluate(node)
            else:
                self.depth += 1
                if self.depth < 150:
                    executor(node)
                else:
                    self.partial = self.partial or "nested too deeply"
                self.depth -= 1

    # --- assignments ------------------------------------------------------------------------

    # --- branches ---------------------------------------------------------------------------

    def _if(self, node: If) -> None:
        frame = self.frame
        joined: State | None = None
        for arm in node.arms:
            test = self.evaluate(arm.test)
            if frame.state is None:
                frame.state = joined
                return
            known = truth(test.constant, frame.unit.semantics)
            if known is False:
                continue
            proof = test.proof
            if known is True:
                self.execute(arm.body)
                frame.state = join_states(joined, frame.state)
                return
            before = frame.state
            frame.state = before.copy()
            if proof is not None:
                self.assume(proof.when_true)
            self.execute(arm.body)
            joined = join_states(joined, frame.state)
            frame.state = before
            if proof is not None:
                self.assume(proof.when_false)
        self.execute(node.otherwise)
        frame.state = join_states(joined, frame.state)

    def _switch(self, node: Switch) -> None:
        frame = self.frame
        subject = self.evaluate(node.subject)
        if frame.state is None:
            return
        before = frame.state
        loop = Loop("", is_switch=True)
        frame.loops.append(loop)
        joined: State | None = None
        falling: State | None = None
        complete = False
        variable = node.subject.name if isinstance(node.subject, Name) else ""
        decided = False
        for case in node.cases:
            matches = self._case_matches(case, subject)
            if (matches is False and falling is None) or (decided and falling is None):
                continue
            frame.state = before.copy() if not decided and matches is not False else None
            if frame.state is not None:
                self._enter_case(case, subject, variable, node)
            frame.state = join_states(falling, frame.state)
            self.execute(case.body)
            falling = frame.state if case.falls_through else None
            if not case.falls_through:
                joined = join_states(joined, frame.state)
            if case.guard is None and (matches is True or case.otherwise):
                decided = complete = True
        joined = join_states(joined, falling)
        frame.loops.pop()
        joined = join_states(joined, loop.breaks)
        frame.state = joined if complete else join_states(joined, before)

    def _enter_case(self, case: Case, subject: Value, variable: str, node: Switch) -> None:
        frame = self.frame
        if len(case.values) >= 1 and variable and subject.constant is VARIES and frame.state:
            constants = [self.evaluate(value).constant for value in case.values]
            if all(constant is not VARIES for constant in constants):
                known = constants[0] if len(constants) == 1 else VARIES
                frame.state.variables[variable] = Value(known)
        for target in case.targets:
            self.assign(target, Value(taints=self.data_of(subject), name=subject.name), node)
        if case.guard is not None:
            test = self.evaluate(case.guard)
            if test.proof is not None:
                self.assume(test.proof.when_true)

    def _case_matches(self, case: Case, subject: Value) -> bool | None:
        if case.otherwise:
            return None if case.guard is not None else True
        if not case.values or subject.constant is VARIES:
            return None
        constants = [self.evaluate(value).constant for value in case.values]
        if any(same_constant(constant, subject.constant) for constant in constants):
            return True if case.guard is None else None
        return None if any(constant is VARIES for constant in constants) else False

    # --- loops ------------------------------------------------------------------------------

    def _while(self, node: While) -> None:
        frame = self.frame
        loop = self._enter_loop()
        leaving: State | None = None
        for round_number in range(MAX_ROUNDS):
            self.check_time()
            before = frame.state
            if before is None:
                break
            facts_false = ()
            if node.test is not None and (node.test_first or round_number):
                test = self.evaluate(node.test)
                known = truth(test.constant, frame.unit.semantics)
                if known is False:
                    leaving = join_states(leaving, frame.state)
                    frame.state = None
                    break
                if known is None and frame.state is not None:
                    exit_state = frame.state.copy()
                    if test.proof is not None:
                        facts_false = test.proof.when_false
                        inside = frame.state
                        frame.state = exit_state
                        self.assume(facts_false)
                        frame.state = inside.copy()
                        self.assume(test.proof.when_true)
                    leaving = join_states(leaving, exit_state)
            before = frame.state.copy() if frame.state is not None else None
            self.execute(node.body)
            frame.state = join_states(frame.state, loop.continues)
            loop.continues = None
            if frame.state is not None:
                self.execute(node.step)
            after = frame.state
            if node.test is None:
                frame.state = join_states(before, after)
            else:
                leaving = join_states(leaving, after)
                frame.state = join_states(before, after)
        frame.loops.pop()
        if node.test is None:
            frame.state = None
        else:
            frame.state = leaving
        self.execute(node.otherwise)
        frame.state = join_states(frame.state, loop.breaks)

    def _for_each(self, node: ForEach) -> None:
        frame = self.frame
        iterable = self.evaluate(node.iterable)
        if frame.state is None:
            return
        loop = self._enter_loop()
        leaving: State | None = frame.state.copy()
        cells = self.cells(iterable.cell)
        for round_number in range(MAX_ROUNDS):
            self.check_time()
            if frame.state is None:
                break
            before = frame.state.copy() if round_number == 0 else frame.state
            element = self.elements_of(iterable, node.iterable)
            if (
                cells is not None
                and cells.exact
                and cells.kind in ("list", "tuple")
                and cells.items
            ):
                leaving = None if round_number == 0 else leaving  # it runs at least once
            self.assign(node.target, element, node)
            self.execute(node.body)
            frame.state = join_states(frame.state, loop.continues)
            loop.continues = None
            leaving = join_states(leaving, frame.state)
            frame.state = join_states(before, frame.state)
        frame.loops.pop()
        frame.state = leaving
        self.execute(node.otherwise)
        frame.state = join_states(frame.state, loop.breaks)

    def _enter_loop(self) -> Loop:
        frame = self.frame
        loop = Loop(frame.label)
        frame.label = ""
        frame.loops.append(loop)
        return loop

    def _break(self, node: Break) -> None:
        for loop in reversed(self.frame.loops):
            if not node.label or loop.label == node.label:
                loop.breaks = join_states(loop.breaks, self.frame.state)
                break
        self.frame.state = None

    def _continue(self, node: Continue) -> None:
        for loop in reversed(self.frame.loops):
            if not loop.is_switch and (not node.label or loop.label == node.label):
                loop.continues = join_states(loop.continues, self.frame.state)
                break
        self.frame.state = None

    def _goto(self, node: Goto) -> None:
        frame = self.frame
        joined = join_states(frame.jumps.get(node.label), frame.state)
        if joined is not None:
            frame.jumps[node.label] = joined
        frame.state = None

    def _label(self, node: Label) -> None:
        frame = self.frame
        frame.label = node.name
        frame.state = join_states(frame.state, frame.jumps.pop(node.name, None))
        if frame.state is not None:
            frame.last = frame.state

    # --- exits ------------------------------------------------------------------------------

    def _return(self, node: Return) -> None:
        frame = self.frame
        value = NOTHING
        if node.value is not None:
            before, frame.into = frame.into, self.where().rpartition(".")[2]
            value = self.evaluate(node.value)
            frame.into = before
            if frame.return_sinks:
                self.judge_return(value, node.value)
        before = frame.returned
        frame.returned = value if before is None else join_values(before, value)
        here = self.cells(value.cell)
        frame.leave(returns=True)
        if before is not None and here is not None and before.cell and before.cell != value.cell:
            heap = frame.exit_state.heap if frame.exit_state is not None else Heap()
            earlier = heap.get(before.cell)
            if earlier is not None:
                heap.write(before.cell, join_cells(earlier, here))

    def _throw(self, node: Throw) -> None:
        if node.value is not None:
            self.evaluate(node.value)
        self.frame.leave(returns=False)

    def _try(self, node: Try) -> None:
        frame = self.frame
        before = frame.state
        if before is None:
            return
        outer_raised, frame.raised = frame.raised, []
        frame.state = before.copy()
        self.execute(node.body)
        after = frame.state
        interrupted = join_states(before, after)
        for state in frame.raised:
            interrupted = join_states(interrupted, state)
        if outer_raised is not None and (node.final or not node.handlers):
            outer_raised.extend(frame.raised)
        frame.raised = outer_raised
        self.execute(node.otherwise)
        joined = frame.state
        for handler in node.handlers:
            if interrupted is None:
                break
            frame.state = interrupted.copy()
            if handler.target is not None:
                self.assign(handler.target, UNKNOWN, handler)
            self.execute(handler.body)
            joined = join_states(joined, frame.state)
        frame.state = joined
        if node.final:
            if frame.state is None:  # it runs on the way out, and the path stays ended
                frame.state = interrupted.copy() if interrupted is not None else None
                self.execute(node.final)
                frame.state = None
            else:
                self.execute(node.final)

    def _using(self, node: Using) -> None:
        value = self.evaluate(node.value)
        if node.target is not None:
            frame = self.frame
            frame.into = short_name(node.target)
            self.assign(node.target, value, node)
            frame.into = ""
        self.execute(node.body)

    def _defer(self, node: Defer) -> None:
        self.evaluate(node.value)

    # --- definitions --------------------------------------------------------------------------
