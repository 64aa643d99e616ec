"""`python -m kodo` is the `kodo` command."""

from kodo.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
