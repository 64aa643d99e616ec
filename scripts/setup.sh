#!/usr/bin/env bash
# Makes .venv with the locked dependencies and kodo itself. `setup.sh dev` adds what tests need.
# Does nothing when the locks have not changed since the last time.
set -euo pipefail
cd "$(dirname "$0")/.."
kind="${1:-run}"
lock="requirements.lock"
[ "$kind" = dev ] && lock="requirements-dev.lock"
python="${PYTHON:-python3}"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo "kodo needs Python 3.11 or newer; $python is $("$python" --version 2>&1)." \
       "Name another one: make PYTHON=/path/to/python3.12 ..." >&2
  exit 2
}
stamp=".venv/.kodo-$kind"
want="$(cat "$lock" pyproject.toml | cksum)"
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ] && .venv/bin/python -c 'import kodo' 2>/dev/null; then
  exit 0
fi
echo "setting up .venv ($kind) ..." >&2
if [ ! -x .venv/bin/python ]; then
  "$python" -m venv .venv 2>/dev/null || "$python" -m virtualenv -q .venv 2>/dev/null || {
    rm -rf .venv
    echo "cannot make a virtual environment with $python." \
         "On Debian or Ubuntu: apt-get install python3-venv" >&2
    exit 2
  }
fi
pip=(.venv/bin/python -m pip --disable-pip-version-check --quiet)
"${pip[@]}" install --require-hashes --no-deps -r "$lock"
"${pip[@]}" install --no-deps -e .
echo "$want" > "$stamp"
