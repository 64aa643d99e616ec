"""Tags of each language, and their cache by content."""

import pytest

from kodo.syntax.graph.tags import MAX_TAGGED_BYTES, FileTags, TagCache, tag_file
from kodo.syntax.languages import LanguageName

# Source, then what it defines, what it uses by itself, through a value, and words it imports.
SOURCES: dict[LanguageName, tuple[bytes, set[str], set[str], set[str], set[str]]] = {
    "python": (
        b"from store.log import Log\nimport audit\n\n@cached\nclass A(Base):\n"
        b"    def f(self, x: Query | None) -> list[Hit]:\n        return start(x).finish()\n",
        {"A", "A.f"},
        {"Log", "cached", "Base", "Query", "Hit", "start"},
        {"finish"},
        {"store", "log", "Log", "audit"},
    ),
    "javascript": (
        b"import { Log } from './store/log';\nconst audit = require('./audit');\n"
        b"class A extends Base { f(x) { return start(new Query(x)).finish(); } }\n",
        {"A", "A.f"},
        {"Log", "require", "Base", "start", "Query"},
        {"finish"},
        {"Log", "store", "log", "audit"},
    ),
    "typescript": (
        b"import { Log } from './log';\nexport class A extends Base {\n"
        b"  f(x: Query): Hit { return start(x).finish(); }\n}\n",
        {"A", "A.f"},
        {"Log", "Base", "Query", "Hit", "start"},
        {"finish"},
        {"Log", "log"},
    ),
    "tsx": (
        b"export const View = (x: Query) => <Page><Row /></Page>;\n",
        {"View"},
        {"Query", "Page", "Row"},
        set(),
        set(),
    ),
    "rust": (
        b"use crate::store::Log;\nmod audit;\nstruct A { log: Log }\n"
        b"impl A { fn f(&self, x: Query) -> Hit { note!(x); Hit::start(x).finish() } }\n",
        {"A", "A.f"},
        {"Log", "Query", "Hit", "note", "start"},
        {"finish"},
        {"crate", "store", "Log", "audit"},
    ),
    "go": (
        b'package a\nimport "x/store"\ntype A struct { log Log }\n'
        b"func (a *A) F(x Query) Hit { start(x); return store.Finish() }\n",
        {"A", "A.F"},
        {"Log", "A", "Query", "Hit", "start"},
        {"Finish"},
        {"x", "store"},
    ),
    "java": (
        b"import store.Log;\nclass A extends Base {\n"
        b"  Hit f(Query x) { return start(new Log(x)).finish(); }\n}\n",
        {"A", "A.f"},
        {"Base", "Hit", "Query", "Log", "start"},
        {"finish"},
        {"store", "Log"},
    ),
    "c": (
        b'#include "log.h"\nstruct A { int x; };\n'
        b"static Hit f(Query *x) { return start(x)->finish(x); }\n",
        {"A", "f"},
        {"Hit", "Query", "start"},
        {"finish"},
        {"log", "h"},
    ),
    "cpp": (
        b'#include "log.h"\nnamespace n { class A : Base { Hit f(Query x) '
        b"{ return m::start(x).finish(); } }; }\n",
        {"n.A", "n.A.f"},
        {"Base", "Hit", "Query", "start"},
        {"finish"},
        {"log", "h"},
    ),
    "ruby": (
        b"require 'store/log'\nclass A < Base # says what it is\n"
        b"  def f(x)\n    start(x).finish(Query)\n  end\nend\n",
        {"A", "A.f"},
        {"require", "Base", "start", "Query"},
        {"finish"},
        {"store", "log"},
    ),
    "bash": (
        b"source ./log.sh\nf() {\n  start_it here\n}\n",
        {"f"},
        {"source", "start_it"},
        set(),
        {"source", "log", "sh"},
    ),
}


@pytest.mark.parametrize("language", list(SOURCES))
def test_tags_of_each_language(language: LanguageName) -> None:
    """Definitions, uses and imported words are found."""
    source, defined, called, members, imported = SOURCES[language]
    tags = tag_file(source, language)
    names = {f"{item.owner}.{item.name}".lstrip(".") for item in tags.definitions}
    assert names == defined
    uses = {item.name for item in tags.references if not item.member}
    assert called <= uses
    # Nothing is made up: builtin types may be caught beside what the sample names.
    assert uses <= called | {"int", "list", "None", "A"}
    assert {item.name for item in tags.references if item.member} == members
    assert imported <= tags.imports


def test_a_definition_says_where_it_is_and_how_it_is_called() -> None:
    """The line is the name's, the signature stands on one line."""
    tags = tag_file(b"# first\n@cached\ndef f(\n    a: int,\n) -> str:\n    return ''\n", "python")
    (item,) = tags.definitions
    assert (item.name, item.kind, item.line, item.end_line) == ("f", "function", 3, 6)
    assert item.signature == "def f( a: int, ) -> str:"


def test_a_ruby_comment_is_no_part_of_the_signature() -> None:
    """The grammar of Ruby puts it before the body."""
    source = SOURCES["ruby"][0]
    assert tag_file(source, "ruby").definitions[0].signature == "class A < Base"


def test_uses_are_counted() -> None:
    """Three uses of one name are one reference."""
    tags = tag_file(b"f(f(f(1)))\n", "python")
    assert [(item.name, item.count) for item in tags.references] == [("f", 3)]


def test_broken_code_and_odd_bytes_have_tags_too() -> None:
    """What can be read of a broken file is read."""
    tags = tag_file(b"def f(:\n  \xff\xfe\ndef g():\n    return h()\n\0", "python")
    assert "g" in {item.name for item in tags.definitions}


def test_the_cache_survives_its_process() -> None:
    """What was written down gives the same tags, and unknown files give none."""
    cache = TagCache()
    first = cache.tags("a.py", b"def f(): g()\n")
    assert cache.tags("a.txt", b"def f(): g()\n") is None
    assert cache.tags("big.py", b"#" * (MAX_TAGGED_BYTES + 1)) is None
    later = TagCache(cache.encode())
    assert later.tags("b.py", b"def f(): g()\n") == first
    assert isinstance(first, FileTags)


def test_what_was_not_asked_for_is_not_kept() -> None:
    """A file's old contents leave the cache with the next writing."""
    cache = TagCache()
    cache.tags("a.py", b"def old(): pass\n")
    later = TagCache(cache.encode())
    later.tags("a.py", b"def new(): pass\n")
    assert b"old" not in later.encode()
    assert b"new" in later.encode()


@pytest.mark.parametrize("written", [b"", b"junk", b"\x82\xa7version\x63\xa4tags\x80"])
def test_a_cache_that_cannot_be_read_is_empty(written: bytes) -> None:
    """Junk and other versions are parsed anew, never an error."""
    assert TagCache(written).tags("a.py", b"def f(): g()\n") is not None
