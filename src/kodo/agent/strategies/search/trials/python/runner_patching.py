"""The third part of the injected runner, as text: trials without importing the tests anew.

One process collects the tests, then forks a child for each trial and puts the changed functions'
code into the functions that are loaded already: about ten times faster than a fresh import. Guards
that what cannot be changed so is said to be, and that a pass is never believed without the slow way.
"""

# ruff: noqa: E501 - the program below is text, not code of this file

PATCHING = r'''

import ast, __future__, types

FUNCTION = types.FunctionType
CODE = types.CodeType
FUTURE = 0
for _name in __future__.all_feature_names:
    FUTURE |= getattr(__future__, _name).compiler_flag
WIDTH = max(1, min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1))


class Unpatchable(Exception):
    """The change is not inside functions alone."""


def children(code):
    return [constant for constant in code.co_consts if isinstance(constant, CODE)]


def skeleton(code):
    """What a module's or class's own code does, its nested code left out."""
    plain_constants = [repr(c) for c in code.co_consts if not isinstance(c, CODE)]
    return code.co_code, code.co_names, plain_constants, len(children(code))


def is_function(code):
    return bool(code.co_flags & 2)  # CO_NEWLOCALS: functions, lambdas, comprehensions


def same(old, new):
    return (
        skeleton(old) == skeleton(new)
        and old.co_varnames == new.co_varnames and old.co_freevars == new.co_freevars
        and old.co_cellvars == new.co_cellvars and old.co_flags == new.co_flags
        and getattr(old, "co_exceptiontable", b"") == getattr(new, "co_exceptiontable", b"")
        and all(same(a, b) for a, b in zip(children(old), children(new)))
    )


def differing(old, new, found):
    """Collect (old, new) of the functions that differ, in the code of a module or class."""
    if skeleton(old) != skeleton(new):
        raise Unpatchable()
    for before, after in zip(children(old), children(new)):
        if before.co_name != after.co_name:
            raise Unpatchable()
        if is_function(before):
            if not same(before, after):
                found.append((before, after))
        else:
            differing(before, after, found)


def loaded_functions():
    """(file, first line, name) of the project's functions that exist now, and the functions."""
    found, names = {}, {}
    for thing in gc.get_objects():
        if type(thing) is FUNCTION:
            code = thing.__code__
            if code.co_filename not in names:
                names[code.co_filename] = inside(code.co_filename)
            path = names[code.co_filename]
            if path:
                found.setdefault((path, code.co_firstlineno, code.co_name), []).append(thing)
    return found


class Original(object):
    """A file as it was when its functions were loaded, and the pieces that stand on their own."""

    def __init__(self, path):
        with open(path, "rb") as stream:
            data = stream.read()
        self.name = os.path.join(ROOT, path)
        self.text = data.decode("utf-8", "surrogateescape")
        self.lines = self.text.split("\n")
        tree = ast.parse(data)
        flags = compile(data, self.name, "exec", dont_inherit=True).co_flags
        self.flags = flags & FUTURE
        self.units, self.compiled = [], {}
        for node in tree.body:
            self.add(node, "")
            if isinstance(node, ast.ClassDef):
                for inner in node.body:
                    self.add(inner, "class %s:" % node.name)

    def add(self, node, head):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            first = min([node.lineno] + [d.lineno for d in node.decorator_list])
            self.units.append((first, node.end_lineno, head))

    def code(self, unit, lines):
        """Compile a piece in its own lines; a method stands in a class of its class's name."""
        first, last, head = unit
        text = "\n".join(lines[first - 1:last])
        if head:
            text = "\n" * (first - 2) + head + "\n" + text
        else:
            text = "\n" * (first - 1) + text
        return compile(text.encode("utf-8", "surrogateescape"), self.name, "exec", self.flags, True)

    def pair(self, text):
        """Return the code of the smallest piece that holds the change, before and after it."""
        old, new = self.lines, text.split("\n")
        start = 0
        most = min(len(old), len(new))
        while start < most and old[start] == new[start]:
            start += 1
        end = 0
        while end < most - start and old[-1 - end] == new[-1 - end]:
            end += 1
        fitting = [u for u in self.units if u[0] < start + 1 and len(old) - end <= u[1] and (not u[2] or u[0] > 1)]
        if not fitting:
            fitting = [(1, len(old), "")]
        unit = min(fitting, key=lambda u: u[1] - u[0])
        if unit not in self.compiled:
            self.compiled[unit] = self.code(unit, old)
        after = (unit[0], unit[1] + len(new) - len(old), unit[2])
        return self.compiled[unit], self.code(after, new)


def patch(path, text, originals, functions):
    pairs = []
    differing(*originals[path].pair(text), found=pairs)
    if not pairs:
        raise Unpatchable()
    for before, after in pairs:
        targets = functions.get((path, before.co_firstlineno, before.co_name), ())
        if not targets or before.co_freevars != after.co_freevars:
            raise Unpatchable()
        for function in targets:
            function.__code__ = after


def serve_trials(run, recorder, job, trials, pipe):
    """Run every trial in a child of this process, which has collected the tests; report each."""
    functions, originals, running = loaded_functions(), {}, {}
    # Now, since later the files may hold what a trial on the slow way puts there.
    for path in set(path for trial in trials for path in trial["files"]):
        originals[path] = Original(path)
    gc.freeze()

    def on_end(number, frame):
        for child, _, _, _ in running.values():
            try:
                os.kill(child, signal.SIGKILL)
            except OSError:
                pass
        os._exit(0)

    signal.signal(signal.SIGTERM, on_end)
    queue = list(reversed(trials))
    while queue or running:
        while queue and len(running) < WIDTH:
            trial = queue.pop()
            out, into = os.pipe()
            child = os.fork()
            if child == 0:
                os.close(out)
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                trial_in_child(run, recorder, job, trial, into, originals, functions)
            os.close(into)
            running[out] = (child, trial, time.time(), [])
        ends = min(began + trial.get("timeout_s", 20) for _, trial, began, _ in running.values())
        ready = select.select(list(running), [], [], max(0.0, ends - time.time()))[0]
        for out in ready:
            piece = os.read(out, 1 << 16)
            if piece:
                running[out][3].append(piece)
            else:
                finished(running, out, False, pipe)
        for out in list(running):
            _, trial, began, _ = running[out]
            if time.time() - began > trial.get("timeout_s", 20):
                finished(running, out, True, pipe)
    os._exit(0)


def finished(running, out, cut, pipe):
    child, trial, began, pieces = running.pop(out)
    try:
        os.kill(child, signal.SIGKILL)
    except OSError:
        pass
    os.close(out)
    os.waitpid(child, 0)
    try:
        value = json.loads(b"".join(pieces).decode())
    except ValueError:
        value = {"id": trial["id"], "tests": {}, "error": "" if cut else "the test process died"}
    value["timed_out"] = cut
    value["seconds"] = time.time() - began
    data = json.dumps(value).encode() + b"\n"
    while data:
        data = data[os.write(pipe, data):]


def trial_in_child(run, recorder, job, trial, pipe, originals, functions):
    limited(job)
    value = {"id": trial["id"]}
    recorder.tests, recorder.failed, recorder.files = {}, 0, {}
    recorder.timeout_s, recorder.stop_at = trial.get("test_timeout_s", 5), trial.get("stop_at", 0)

    def leave():
        value["tests"] = recorder.tests
        data = json.dumps(value).encode()
        try:
            while data:
                data = data[os.write(pipe, data):]
        finally:
            os._exit(0)

    recorder.leave = leave
    try:
        (path, text), = trial["files"].items()
        patch(path, text, originals, functions)
        run()
    except Unpatchable:
        value["unpatchable"] = True
    except BaseException as error:
        value["error"] = plain(error)[-2000:]
    recorder.end()
    leave()


def collected(job, trials, pipe):
    """Collect the tests of these trials, which are the same, and serve the trials."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    if ROOT not in sys.path:
        sys.path.insert(0, ROOT)
    recorder = Recorder(5, False, 1)
    recorder.leave = lambda: os._exit(0)
    chosen = trials[0].get("selection") or job.get("selection") or []

    def serve(run):
        if recorder.tests:
            os._exit(0)  # collecting has failed: let the slow way tell why
        serve_trials(run, recorder, job, trials, pipe)

    if job["framework"] == "pytest":
        run_pytest(chosen, recorder, serve)
    else:
        run_unittest(chosen, recorder, serve)
    os._exit(0)


def start_collected(job, trials):
    """Return (process id, pipe) of the process that serves these trials."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(out)
        try:
            collected(job, trials, into)
        finally:
            os._exit(0)
    os.close(into)
    return child, out


def served(job, trials, until):
    """Yield (trial, report), the report None where the trial has to go the slow way."""
    fast = [trial for trial in trials if can_be_patched(job, trial)]
    waiting = dict((trial["id"], trial) for trial in fast)
    if len(fast) >= 4:
        child, pipe = start_collected(job, fast)
        rest = b""
        try:
            while waiting:
                left = until() - time.time()
                if left <= 0 or not select.select([pipe], [], [], left)[0]:
                    return
                piece = os.read(pipe, 1 << 16)
                if not piece:
                    break  # it ended early: what is left goes the slow way
                lines = (rest + piece).split(b"\n")
                rest = lines.pop()
                for line in lines:
                    value = json.loads(line.decode())
                    trial = waiting.pop(value["id"], None)
                    if trial is not None:
                        yield trial, None if value.pop("unpatchable", False) else value
        finally:
            os.close(pipe)
            try:
                os.kill(child, signal.SIGTERM)
            except OSError:
                pass
            os.waitpid(child, 0)
    for trial in trials:
        if trial["id"] in waiting or trial not in fast:
            yield trial, None


def can_be_patched(job, trial):
    files = list(trial.get("files", {}))
    return (
        job["framework"] in ("pytest", "unittest") and len(files) == 1 and files[0].endswith(".py")
        and os.path.isfile(files[0]) and not trial.get("trace") and trial.get("patch", True)
    )
'''
