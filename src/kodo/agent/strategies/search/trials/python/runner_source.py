"""The program that runs Python tests many times inside the sandbox, as text.

It is injected into a scratch copy and knows nothing of kodo: plain Python 3.8 and the standard
library, pytest where the project has it. It guards against hanging tests, endless memory and stale
bytecode: every trial is a forked child with limits, and its output never mixes with the report.
"""

from kodo.agent.strategies.search.trials.python.runner_patching import PATCHING
from kodo.agent.strategies.search.trials.python.runner_serving import SERVING

# ruff: noqa: E501 - the program below is text, not code of this file

RUNNER_NAME = ".kodo-search/runner.py"
JOBS_NAME = ".kodo-search/jobs.json"
MARK = "\x1ekodo "
"""Each report is one line that starts with this mark; anything else on the pipe is noise."""

_RECORDING = r'''
import gc, json, linecache, os, resource, select, signal, sys, time, traceback

ROOT = os.getcwd()
MARK = "\x1ekodo "
sys.dont_write_bytecode = True
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
REPORT = os.dup(1)


def say(value):
    data = ("\n" + MARK + json.dumps(value) + "\n").encode()
    while data:
        data = data[os.write(REPORT, data):]


class TestTimeout(BaseException):
    pass


def inside(path):
    if path.startswith("<"):
        return None
    try:
        path = os.path.realpath(path)
    except (OSError, ValueError):
        return None
    if not path.startswith(REAL_ROOT + os.sep):
        return None
    name = path[len(REAL_ROOT) + 1:]
    return None if name.startswith((".kodo-search", ".venv", "venv", "node_modules")) else name


REAL_ROOT = os.path.realpath(ROOT)


class Recorder(object):
    """Outcome, frames and covered lines of each test."""

    def __init__(self, timeout_s, trace, stop_at):
        self.timeout_s, self.trace, self.stop_at = timeout_s, trace, stop_at
        self.tests, self.current, self.lines, self.files, self.failed = {}, None, None, {}, 0

    def tracer(self, frame, event, argument):
        name = frame.f_code.co_filename
        known = self.files.get(name)
        if known is None:
            known = self.files[name] = inside(name) or ""
        if not known:
            return None
        lines = self.lines.setdefault(known, {})
        lines[frame.f_lineno] = lines.get(frame.f_lineno, 0) + 1
        def local(frame, event, argument):
            if event == "line":
                number = frame.f_lineno
                lines[number] = lines.get(number, 0) + 1
            return local
        return local

    def alarm(self, number, frame):
        sys.settrace(None)
        raise TestTimeout("the test ran longer than %g s" % self.timeout_s)

    def begin(self, name):
        self.current, self.lines, self.began = name, {}, time.time()
        signal.signal(signal.SIGALRM, self.alarm)
        signal.signal(signal.SIGPROF, self.alarm)
        # CPU time tells a loop from a machine that is busy; wall time catches waiting for ever.
        signal.setitimer(signal.ITIMER_PROF, self.timeout_s)
        signal.setitimer(signal.ITIMER_REAL, 4 * self.timeout_s)
        if self.trace:
            sys.settrace(self.tracer)

    def end(self):
        sys.settrace(None)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.setitimer(signal.ITIMER_PROF, 0)

    def keep(self, name, outcome, message="", frames=()):
        if outcome == "failed" and self.tests.get(name, {}).get("outcome") != "failed":
            self.failed += 1
        self.tests[name] = {"outcome": outcome, "message": message[-3000:], "frames": list(frames)[-12:],
                            "seconds": time.time() - getattr(self, "began", time.time())}
        if self.trace and self.lines:
            self.tests[name]["lines"] = {p: sorted(l) for p, l in self.lines.items()}


def frames_of(error):
    found, at, known = [], error.__traceback__, {}
    while at is not None:
        code = at.tb_frame.f_code
        if code.co_filename not in known:
            known[code.co_filename] = inside(code.co_filename)
        name = known[code.co_filename]
        if name:
            found.append([name, at.tb_lineno or code.co_firstlineno, code.co_name])
        at = at.tb_next
    return found


def plain(error):
    text = "".join(traceback.format_exception_only(type(error), error)).strip()
    return text if len(text) < 3000 else text[:1500] + " ... " + text[-1400:]


class PytestPlugin(object):
    def __init__(self, recorder):
        self.recorder = recorder

    def pytest_runtest_logstart(self, nodeid, location):
        self.recorder.begin(nodeid)

    def pytest_runtest_makereport(self, item, call):
        from _pytest.reports import TestReport
        recorder = self.recorder
        if call.when == "call" or call.excinfo is not None:
            recorder.end()
        outcome, text = "passed", None
        if call.excinfo is not None:
            error = call.excinfo.value
            if type(error).__name__ == "Skipped":
                outcome, text = "skipped", (str(item.path), 1, "skipped")
            else:
                outcome, text = "failed", plain(error)
                self.frames = frames_of(error)
        return TestReport(item.nodeid, item.location, {}, outcome, text, call.when)

    def pytest_runtest_logreport(self, report):
        recorder = self.recorder
        if report.failed:
            frames = getattr(self, "frames", [])
            message = str(report.longrepr)
            for path, line, _name in reversed(frames):
                if path == report.nodeid.split("::")[0]:
                    message = "> " + linecache.getline(path, line).strip() + "\n" + message
                    break
            recorder.keep(report.nodeid, "failed", message, frames)
        elif report.skipped or report.when == "call":
            recorder.keep(report.nodeid, report.outcome)

    def pytest_collectreport(self, report):
        if report.failed:
            self.recorder.keep(report.nodeid or "collection", "failed", str(report.longrepr)[-2500:])

    def pytest_runtest_logfinish(self, nodeid, location):
        self.recorder.end()
        if self.recorder.stop_at and self.recorder.failed >= self.recorder.stop_at:
            self.recorder.leave()


class Serving(object):
    """Takes the place of pytest's own loop over the collected tests."""

    def __init__(self, serve):
        self.serve = serve

    def pytest_runtestloop(self, session):
        if self.serve is None:
            return None

        def run():
            for at, item in enumerate(session.items):
                following = session.items[at + 1] if at + 1 < len(session.items) else None
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)

        self.serve(run)
        return True


def run_pytest(selection, recorder, serve=None):
    import pytest
    arguments = ["-q", "-p", "no:cacheprovider", "--tb=short", "-o", "addopts=", "--capture=fd"]
    arguments += selection
    code = pytest.main(arguments, plugins=[PytestPlugin(recorder), Serving(serve)])
    return int(code)


def run_unittest(selection, recorder, serve=None):
    import unittest

    class Result(unittest.TestResult):
        def startTest(self, test):
            super(Result, self).startTest(test)
            recorder.begin(test.id())

        def stopTest(self, test):
            recorder.end()
            super(Result, self).stopTest(test)
            if recorder.stop_at and recorder.failed >= recorder.stop_at:
                recorder.leave()

        def addSuccess(self, test):
            recorder.end()
            recorder.keep(test.id(), "passed")

        def addSkip(self, test, reason):
            recorder.end()
            recorder.keep(test.id(), "skipped")

        def bad(self, test, error):
            recorder.end()
            recorder.keep(test.id(), "failed", plain(error[1]), frames_of(error[1]))

        def addError(self, test, error):
            self.bad(test, error)

        def addFailure(self, test, error):
            self.bad(test, error)

        def addSubTest(self, test, subtest, error):
            if error is not None:
                recorder.keep(subtest.id(), "failed", plain(error[1]), frames_of(error[1]))

    loader = unittest.TestLoader()
    names = [s for s in selection if not s.startswith("-")]
    if "discover" in names:
        at = names.index("discover")
        start = names[at + 1] if len(names) > at + 1 else "."
        suite = unittest.TestSuite([loader.loadTestsFromNames(names[:at]),
                                    loader.discover(start, top_level_dir=".")])
    elif names:
        # Files are named as on unittest's own command line; the loader knows modules only.
        names = [n[:-3].replace("/", ".") if n.endswith(".py") else n for n in names]
        suite = loader.loadTestsFromNames(names)
    else:
        suite = loader.discover(".")
    if serve is not None:
        if "_FailedTest" in repr(suite):
            return 1  # a module cannot be imported
        serve(lambda: suite.run(Result()))
    suite.run(Result())
    return 0


def run_tiny(selection, recorder, source):
    """The stand-in for pytest, where that is missing: its functions, our record of each test."""
    import types
    tiny = types.ModuleType("kodo_tiny")
    sys.modules["kodo_tiny"] = tiny
    exec(compile(source, "<tiny>", "exec"), tiny.__dict__)

    def run_one(name, call, report):
        recorder.begin(name)
        try:
            call()
        except BaseException as error:
            recorder.end()
            if type(error).__name__ in ("Skipped", "SkipTest"):
                recorder.keep(name, "skipped")
            else:
                recorder.keep(name, "failed", plain(error), frames_of(error))
        else:
            recorder.end()
            recorder.keep(name, "passed")
        if recorder.stop_at and recorder.failed >= recorder.stop_at:
            recorder.leave()

    tiny.run_one = run_one
    try:
        import pytest  # noqa
    except ImportError:
        sys.modules["pytest"] = tiny.make_pytest()
    for argument in selection:
        path, _, wanted = argument.partition("::")
        report = []
        tiny.run_file(path, wanted.split("[")[0], report)
        for kind, name, message in report:
            if kind in ("ERROR", "FAILED"):
                recorder.keep(name, "failed", message)
'''

RUNNER_SOURCE = _RECORDING + PATCHING + SERVING
