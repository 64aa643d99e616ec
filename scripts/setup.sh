#!/usr/bin/env bash
# Makes .venv with the locked dependencies and kodo itself. `setup.sh dev` adds what tests need.
# Does nothing when the locks have not changed since the last time. Where the Python itself already
# holds every locked package (a container image, a machine without a network), nothing is fetched.
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
site=""
if "$python" -m pip install --dry-run --no-index --require-hashes --no-deps -r "$lock" > /dev/null 2>&1; then
  site="--system-site-packages"
fi
if [ ! -x .venv/bin/python ]; then
  "$python" -m venv $site .venv 2>/dev/null ||
    "$python" -m virtualenv -q $site .venv 2>/dev/null || {
    rm -rf .venv
    echo "cannot make a virtual environment with $python." \
         "On Debian or Ubuntu: apt-get install python3-venv" >&2
    exit 2
  }
fi
pip=(.venv/bin/python -m pip --disable-pip-version-check --quiet)
"${pip[@]}" install --require-hashes --no-deps -r "$lock"
build=""
if .venv/bin/python -c 'import editables, hatchling' 2>/dev/null; then
  build="--no-build-isolation"
fi
"${pip[@]}" install --no-deps $build -e .
echo "$want" > "$stamp"
