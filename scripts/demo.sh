#!/usr/bin/env bash
# The demo: pulls the model, copies the bundled project, and lets kodo find and fix its bug.
# Asks nothing. What it makes lies in build/demo.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh run
kodo="$PWD/.venv/bin/kodo"
export KODO_RESIDENT=off  # the demo leaves no process behind
model="${KODO_DEMO_MODEL:-local/qwen2.5-coder-1.5b}"
"$kodo" models pull "$model" --yes
rm -rf build/demo
mkdir -p build
cp -r examples/demo build/demo
cd build/demo
if command -v git > /dev/null; then
  git init -q
  git add -A
  git -c user.name=kodo -c user.email=kodo@example.invalid commit -qm "the project, with a bug in it"
fi
echo
echo "\$ python -m unittest        # the project as it is"
PYTHONDONTWRITEBYTECODE=1 ../../.venv/bin/python -m unittest 2>&1 | tail -n 12 || true
echo
echo "\$ kodo exec \"\`python3 -m unittest\` fails. Find the bug and fix it.\""
status=0
PATH="$PWD/../../.venv/bin:$PATH" "$kodo" exec -m "$model" "\`python3 -m unittest\` fails. Find the bug and fix it." || status=$?
echo
echo "\$ python -m unittest        # the project as kodo left it"
PYTHONDONTWRITEBYTECODE=1 ../../.venv/bin/python -m unittest 2>&1 | tail -n 5 || status=1
exit "$status"
