# The four things people do here. Each sets up what it needs in .venv first.
PYTHON ?= python3
export PYTHON
BIN := .venv/bin
MODELS = $(shell $(BIN)/python -c "from kodo.runtime.config import read_environment as e; print(e().paths().models)")

.PHONY: demo test test-full check bench format lock setup clean

demo:  ## pull the model and watch kodo fix a bug
	@scripts/demo.sh

setup:
	@scripts/setup.sh dev

test: setup  ## the suite, with a small slice of the slow parts
	@$(BIN)/kodo models pull local/smollm2-135m --yes
	@KODO_TEST_MODELS="$(MODELS)" $(BIN)/python -m pytest -n auto -m "not full"

test-full: setup  ## everything: real models, real clients, long crash tests
	@$(BIN)/kodo models pull local/smollm2-135m --yes
	@$(BIN)/kodo models pull local/qwen2.5-coder-1.5b --yes
	@KODO_TEST_MODELS="$(MODELS)" $(BIN)/python -m pytest -n 2

check: setup  ## format, lint, types, floors
	@$(BIN)/python -m ruff format --check -q src tests benchmarks
	@$(BIN)/python -m ruff check -q src tests benchmarks
	@$(BIN)/python -m basedpyright
	@$(BIN)/python -c "from importlinter.cli import lint_imports_command as lint; lint()"

format: setup
	@$(BIN)/python -m ruff format -q src tests benchmarks
	@$(BIN)/python -m ruff check -q --fix src tests benchmarks

bench: setup  ## overhead and local model speed, as ratios in one run
	@$(BIN)/python -m benchmarks.overhead
	@$(BIN)/python -m benchmarks.local

lock:  ## renew the lock files (needs uv)
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.lock
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --group dev pyproject.toml -o requirements-dev.lock

clean:
	rm -rf .venv build dist
