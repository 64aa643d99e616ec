"""The runner's files as one program, which is injected into a scratch copy.

Knows how the files name each other, not what they do. Guards that nothing but Node itself and what
the project has installed is needed to run it.
"""

import json
from functools import cache
from pathlib import Path

RUNNER_NAME = ".kodo-search/runner.cjs"
JOBS_NAME = ".kodo-search/jobs.json"
MARK = "\x1ekodo "
"""Each report is one line that starts with this mark; anything else on the pipe is noise."""

_HEAD = """'use strict';
const parts = {};
const loaded = {};
function part(name) {
  if (!(name in loaded)) {
    const module = (loaded[name] = { exports: {}, parent: null, children: [] });
    const inner = (asked) => (asked in parts ? part(asked) : require(asked));
    parts[name](module, module.exports, Object.assign(inner, require));
  }
  return loaded[name].exports;
}
"""


@cache
def runner_source() -> str:
    """Return the whole program. Its first part to run is `entry.cjs`."""
    pieces = [_HEAD]
    for file in sorted(Path(__file__).with_name("runner").glob("*.cjs")):
        name = json.dumps(f"./{file.name}")
        text = file.read_text("utf-8")
        pieces.append(f"parts[{name}] = function (module, exports, require) {{\n{text}}};\n")
    pieces.append('part("./entry.cjs");\n')
    return "".join(pieces)
