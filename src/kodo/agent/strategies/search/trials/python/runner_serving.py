"""The second half of the injected runner, as text: forks, time limits, and the list of trials.

Stands apart from the first half (`runner_source`), which runs and records the tests themselves. It
guards that every trial ends and that its files are put back.
"""

# ruff: noqa: E501 - the program below is text, not code of this file

SERVING = r'''

def foreign_modules():
    """Modules that the tests loaded and that are not the project's: worth loading before forking."""
    found = []
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None) or ""
        if path and name != "__main__" and not path.startswith((ROOT + os.sep, REAL_ROOT + os.sep)):
            found.append(name)
    return found


def limited(job):
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    memory = job.get("memory_bytes")
    if memory:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def in_child(job, trial, pipe):
    os.setpgid(0, 0)
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    limited(job)
    if ROOT not in sys.path:
        sys.path.insert(0, ROOT)
    recorder = Recorder(trial.get("test_timeout_s", 5), trial.get("trace", False), trial.get("stop_at", 0))
    value = {"id": trial["id"]}

    def leave():
        value["tests"] = recorder.tests
        if trial.get("modules"):
            value["modules"] = foreign_modules()
        data = json.dumps(value).encode()
        try:
            while data:
                data = data[os.write(pipe, data):]
        finally:
            os._exit(0)

    recorder.leave = leave
    try:
        chosen = trial.get("selection") or job.get("selection") or []
        if job["framework"] == "tiny":
            run_tiny(chosen, recorder, job["source"])
        elif job["framework"] == "pytest":
            run_pytest(chosen, recorder)
        else:
            run_unittest(chosen, recorder)
    except BaseException as error:
        value["error"] = plain(error)[-2000:]
    recorder.end()
    leave()


def put(files):
    """Write files and return what stood there, for `put_back`."""
    kept = {}
    for path, text in files.items():
        try:
            with open(path, "rb") as stream:
                kept[path] = stream.read()
        except FileNotFoundError:
            kept[path] = None
        folder = os.path.dirname(path)
        if folder:
            os.makedirs(folder, exist_ok=True)
        with open(path, "wb") as stream:
            stream.write(text.encode("utf-8", "surrogateescape"))
    return kept


def put_back(kept):
    for path, data in kept.items():
        if data is None:
            os.unlink(path)
        else:
            with open(path, "wb") as stream:
                stream.write(data)


def one(job, trial):
    """Run a trial in a forked child; kill its whole group at the time limit."""
    kept = put(trial.get("files", {}))
    out, into = os.pipe()
    began = time.time()
    child = os.fork()
    if child == 0:
        os.close(out)
        in_child(job, trial, into)
    os.close(into)
    deadline, pieces, cut = began + trial.get("timeout_s", 20), [], False
    while True:
        left = deadline - time.time()
        ready = select.select([out], [], [], max(0.0, left))[0] if left > 0 else []
        if not ready:
            cut = True
            break
        piece = os.read(out, 1 << 16)
        if not piece:
            break
        pieces.append(piece)
    for pid in (-child, child):
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass
    os.close(out)
    os.waitpid(child, 0)
    put_back(kept)
    try:
        value = json.loads(b"".join(pieces).decode())
    except ValueError:
        value = {"id": trial["id"], "tests": {}, "error": "" if cut else "the test process died"}
    value["timed_out"] = cut
    value["seconds"] = time.time() - began
    return value


def good(value):
    tests = value.get("tests", {}).values()
    return (
        not value["timed_out"] and not value.get("error") and bool(tests)
        and any(t["outcome"] == "passed" for t in tests)
        and all(t["outcome"] != "failed" for t in tests)
    )


class KnownDistribution(object):
    """What pytest asks of an installed package, answered from memory."""

    def __init__(self, real, entry_points):
        self.real, self.entry_points, self.files = real, entry_points, ()

    def __getattr__(self, name):
        return getattr(self.real, name)


def remember_distributions():
    """Every start of pytest scans all installed packages for plugins; scan once instead."""
    import importlib.metadata as metadata
    known = []
    for real in metadata.distributions():
        try:
            points = [point for point in real.entry_points if point.group == "pytest11"]
        except Exception:
            continue
        if points:
            known.append(KnownDistribution(real, points))
            for point in points:
                try:
                    point.load()
                except BaseException:
                    pass
    metadata.distributions = lambda **_: iter(known)


def main():
    with open(".kodo-search/jobs.json") as stream:
        job = json.load(stream)
    if job["framework"] == "pytest":
        import pytest, _pytest.config, _pytest.python, _pytest.assertion.rewrite  # noqa
        for name in ("_pytest.assertion.util", "_pytest.terminal", "_pytest.fixtures", "_pytest.runner",
                     "_pytest.capture", "_pytest.skipping", "_pytest.unittest", "_pytest.doctest",
                     "_pytest.junitxml", "_pytest.monkeypatch", "_pytest.tmpdir", "_pytest.logging",
                     "_pytest.faulthandler", "_pytest.threadexception", "_pytest.unraisableexception"):
            try:
                __import__(name)
            except ImportError:
                pass
        remember_distributions()
    else:
        import unittest  # noqa
    gc.collect()
    gc.freeze()
    # pytest collects garbage several times a session, which costs more than the tests themselves.
    gc.collect = lambda *_: 0
    say({"ready": True})
    based = put(job.get("base", {}))
    passes, stop_after, ends = 0, job.get("stop_after_passes", 0), time.time() + job.get("seconds", 60)
    for trial, value in served(job, job["trials"], lambda: ends):
        if time.time() > ends:
            break
        if value is None or (good(value) and not trial.get("then")):
            value = one(job, trial)
        for name in value.pop("modules", ()):
            if name not in sys.modules:
                try:
                    __import__(name)
                except BaseException:
                    pass
        if good(value) and trial.get("then"):
            more = dict(trial, **trial["then"])
            value = one(job, more)
        say(value)
        if good(value):
            passes += 1
            if stop_after and passes == 1:
                ends = min(ends, time.time() + job.get("seconds_after_pass", 5))
            if stop_after and passes >= stop_after:
                break
    put_back(based)
    say({"done": True})


main()
'''
