"""The stores that the contract suite runs on: a SQLite file, and PostgreSQL where it is there."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import AsyncGenerator, Iterator
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import pytest

from kodo.store.store import open_store

_SCHEMAS = count()


def _programs() -> Path | None:
    """Return the folder of PostgreSQL's server programs, the newest one."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    named = shutil.which("initdb")
    return Path(named).parent if named else None


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Give the address of a PostgreSQL server on a private Unix socket; skip where there is none.

    PostgreSQL refuses to run as root, so there it runs as `nobody`.
    """
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    if find_spec("asyncpg") is None:
        pytest.skip("asyncpg is not installed (pip install asyncpg)")
    root = os.geteuid() == 0
    user = pwd.getpwnam("nobody") if root else pwd.getpwuid(os.geteuid())

    def run(*command: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            command,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            user=user.pw_uid if root else None,
            group=user.pw_gid if root else None,
            extra_groups=[] if root else None,
            check=False,
        )

    folder = Path(tempfile.mkdtemp(prefix="kodo-pg-", dir="/tmp"))  # socket paths must be short
    if root:
        os.chown(folder, user.pw_uid, user.pw_gid)
    data = folder / "data"
    options = f"-k {folder} -c listen_addresses='' -c max_connections=40 -c shared_buffers=16MB"
    control = [str(programs / "pg_ctl"), "-D", str(data), "-w", "-s"]
    make = [str(programs / "initdb"), "-D", str(data), "-U", "kodo", "-A", "trust", "-N"]
    try:
        for command in (
            [*make, "-E", "UTF8", "--no-locale"],
            [*control, "-l", str(folder / "log"), "-o", options, "start"],
        ):
            done = run(*command)
            if done.returncode:
                pytest.skip(f"PostgreSQL does not start here: {done.stderr.decode()[-300:]}")
        yield f"postgresql://kodo@/postgres?host={folder}"
        run(*control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def schema() -> str:
    """Return a schema that no other test uses."""
    return f"test_{os.getpid()}_{next(_SCHEMAS)}"


@pytest.fixture(params=["sqlite", "postgres"])
async def store(
    request: pytest.FixtureRequest, store_path: Path, schema: str
) -> AsyncGenerator[object]:
    """Give an open store of each kind."""
    if request.param == "sqlite":
        async with open_store(store_path) as opened:
            yield opened
        return
    url: str = request.getfixturevalue("postgres_url")
    postgres = pytest.importorskip("kodo.store.postgres.store")
    async with postgres.open_postgres(url, schema=schema) as opened:
        yield opened
