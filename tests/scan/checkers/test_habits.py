"""Order and care: what stands side by side counts, and only that."""

from tests.scan.engines import make_engine

HEAD = "#include <stdio.h>\n#include <unistd.h>\n"


def told(code: str, ending: str = "c") -> list[tuple[str, int]]:
    """The rules that hold, with the lines below the includes."""
    report = make_engine(lambda _path: None).scan_file(f"a.{ending}", (HEAD + code).encode())
    return [(one.rule, one.line - 2) for one in report.weaknesses]


def test_null_asked_after_use() -> None:
    """Where nothing between could have changed the pointer, and the use was sure to happen."""
    code = """\
struct job { int id; struct job *next; };
int f(struct job *j) { int id = j->id; if (!j) return 0; return id; }
int g(struct job *j) { int id = j->id; j = j->next; if (!j) return id; return 0; }
int h(struct job *j, int n) { int id = n && j->id; if (!j) return 0; return id; }
int k(struct job *j) { size_t n = sizeof(j->id); if (!j) return 0; return (int)n; }
"""
    assert told(code) == [("c.null-dereference", 2)]


def test_results_nobody_looks_at() -> None:
    """Rights that were not given up, and input that did not come."""
    code = """\
void f(uid_t u) { setuid(u); }
void g(uid_t u) { if (setuid(u)) _exit(1); }
void h(void) { char b[9]; fgets(b, 9, stdin); puts(b); }
void k(void) { char b[9]; if (fgets(b, 9, stdin)) puts(b); }
"""
    assert told(code) == [("c.unchecked-privilege", 1), ("c.unchecked-input", 3)]


def test_erasing_in_a_loop_that_steps_on() -> None:
    """The step moves what `erase` has made invalid."""
    code = """\
void f(V &v) { for (auto i = v.begin(); i != v.end(); ++i) if (*i) v.erase(i); }
void g(V &v) { for (auto i = v.begin(); i != v.end(); ++i) if (*i) { v.erase(i); break; } }
void h(V &v) { for (auto i = v.begin(); i != v.end();) if (*i) i = v.erase(i); else ++i; }
"""
    assert told(code, "cpp") == [("c.use-after-free", 1)]
