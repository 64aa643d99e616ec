"""The docker rung: a container for every command, through the `podman` or `docker` program.

For hosts where kodo may make no namespaces but an engine may. The container shows this host's own
programs, read-only, in an image with nothing in it, so nothing is downloaded. Knows the words of
the engines; what is covered stands in `jailed.py`. Not covered: single hosts (no file can be handed
into a container), calls of the kernel beyond the engine's own filter, and the engine itself, which
for docker runs as root. Guards that a container does not outlive its command.
"""

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from anyio import CancelScope, to_thread

from kodo.base.errors import SandboxError
from kodo.base.hashing import NewId, new_id
from kodo.base.process import Completed, run_process
from kodo.core.sandbox import Guarantee
from kodo.sandboxes.environment import DEFAULT_PATH
from kodo.sandboxes.jail import Jail, JailLimits
from kodo.sandboxes.limits.each import limited, of_each
from kodo.sandboxes.namespaces.jailed import Namespaced, Wanted, prove
from kodo.sandboxes.namespaces.mounts import TMPFS_BYTES, Mount
from kodo.sandboxes.orders import Order

ENGINES = ("podman", "docker")
IMAGE = "kodo-empty:1"
ENGINE_FAILED = 125
_NOT_OF_THE_HOST = frozenset({"proc", "sys", "dev", "run", "tmp", "lost+found"})
_NEEDED = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "CONTAINER_HOST", "XDG_RUNTIME_DIR")
_OF_ENGINES = ("/var/lib/docker", "/var/lib/containerd", "/var/lib/containers")
"""Where engines keep containers: file systems that come and go, and nobody else's business."""

_START_TIMEOUT_S = 60.0
_MOUNTS = Path("/proc/self/mountinfo")
_EMPTY_TAR = bytes(10_240)
"""An archive with nothing in it: zeros, as long as tar writes at once."""


class Docker(Namespaced):
    """Runs every command in a fresh container of an engine."""

    name = "docker"

    def __init__(self, jail: Jail, *, program: str | None = None, new_id: NewId = new_id) -> None:
        """Raises SandboxError where no engine is installed or the workspace cannot be used."""
        super().__init__(jail)
        path = jail.environment.get("PATH", DEFAULT_PATH)
        found = program or next(filter(None, (shutil.which(e, path=path) for e in ENGINES)), None)
        if found is None:
            raise SandboxError("neither podman nor docker is installed")
        if jail.profile == "full":
            raise SandboxError("the docker rung has no profile 'full'; use another rung for it")
        self._program = found
        self._new_id = new_id
        self._has_image = False

    @property
    def guarantees(self) -> frozenset[Guarantee]:
        """What an engine holds with its own means; its own filter is not promised as ours."""
        limits = self._jail.limits
        held = set(super().guarantees) - {"kernel_calls_limited", "disk_sum_limited"}
        held -= {"memory_sum_limited", "cpu_limited", "pids_limited"}
        held |= limited(limits) - {"disk_sum_limited"}  # its processes are not ours to look at
        if limits.memory_sum_bytes is not None:
            held.add("memory_sum_limited")
        if limits.processors is not None:
            held.add("cpu_limited")
        if limits.processes is not None:
            held.add("pids_limited")
        return frozenset(held)

    async def _start(self, wanted: Wanted, order: Order, stack: ExitStack) -> Completed:
        # The engine's program needs its own variables; the command gets those that are named.
        own = {name: self._jail.environment[name] for name in _NEEDED if self._known(name)}
        own |= {"PATH": self._jail.environment.get("PATH", DEFAULT_PATH)}
        own["HOME"] = str(self._jail.home)
        if not self._has_image:
            await self._import_image(own)
        name = f"kodo-{self._new_id()}"
        variables = order.over(self.environment)
        table = os.fsdecode(await to_thread.run_sync(_MOUNTS.read_bytes))
        argv = container_words(self._program, name, self._jail, wanted, variables, table)
        ended = False
        try:
            done = await order.run(argv, env=own)
            ended = not done.timed_out and done.exit_code >= 0
            return done
        finally:
            if not ended:
                with CancelScope(shield=True):
                    await run_process(
                        [self._program, "rm", "--force", name], env=own, timeout_s=_START_TIMEOUT_S
                    )

    def _known(self, name: str) -> bool:
        return name in self._jail.environment

    async def _import_image(self, own: Mapping[str, str]) -> None:
        """Make the image with nothing in it, where the engine has none. Raises OSError."""
        look = [self._program, "image", "inspect", IMAGE]
        done = await run_process(look, env=own, timeout_s=_START_TIMEOUT_S)
        if done.exit_code != 0:
            done = await run_process(
                [self._program, "import", "-", IMAGE],
                env=own,
                stdin=_EMPTY_TAR,
                timeout_s=_START_TIMEOUT_S,
            )
            if done.exit_code != 0:
                said = done.output.decode("utf-8", "replace").strip()[-300:]
                raise OSError(f"{Path(self._program).name} takes no image: {said}")
        self._has_image = True

    async def _why_not(self, done: Completed) -> str | None:
        if done.exit_code != ENGINE_FAILED:
            return None
        # A command may end so too; then it fails like any other.
        return await probe(self._jail, program=self._program)


async def probe(jail: Jail, *, program: str | None = None) -> str | None:
    """Run a command in a container and see whether it holds. Returns why it does not, or None."""
    return await prove(lambda trial: Docker(trial, program=program), jail, "")


def container_words(
    program: str,
    name: str,
    jail: Jail,
    wanted: Wanted,
    variables: Mapping[str, str],
    table: str = "",
) -> list[str]:
    """Return the words that run a command in a container called `name`.

    `table` is what /proc/self/mountinfo says.
    Variables are named by `--env=NAME=VALUE`, so that the engine's own are not the command's.
    """
    return [
        program,
        "run",
        "--rm",
        "--interactive",
        "--pull=never",
        "--init",
        f"--name={name}",
        "--hostname=kodo",
        f"--user={os.geteuid()}:{os.getegid()}",
        "--read-only",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
        "--ipc=private",
        *_network(program, jail),
        *_limit_words(jail.limits),
        *_mount_words(wanted.mounts, table),
        *(f"--env={key}={value}" for key, value in sorted(variables.items())),
        f"--workdir={wanted.cwd}",
        IMAGE,
        *wanted.words,
    ]


def _network(program: str, jail: Jail) -> Iterator[str]:
    yield "--network=host" if jail.allow_net else "--network=none"
    if Path(program).name == "podman":
        yield "--userns=keep-id"  # else files of the workspace would belong to somebody else
        yield "--no-hosts"


def _limit_words(limits: JailLimits) -> Iterator[str]:
    if limits.processes is not None:
        yield f"--pids-limit={limits.processes}"
    if limits.memory_sum_bytes is not None:
        yield f"--memory={limits.memory_sum_bytes}"
        yield f"--memory-swap={limits.memory_sum_bytes}"
    if limits.processors is not None:
        yield f"--cpus={limits.processors:g}"
    for kind, amount in of_each(limits):
        if kind != "nproc":
            yield f"--ulimit={kind}={amount}"


def _mount_words(mounts: Iterable[Mount], table: str) -> Iterator[str]:
    """Yield the mounts; the root is shown folder by folder, as an image lies under it."""
    steps = list(mounts)
    placed = [mount.target for mount in steps if mount.target != "/"]
    masks = {mount.target for mount in steps if mount.kind == "remount-ro"}
    for mount in steps:
        if mount.kind in ("bind", "ro-bind", "dev-bind"):
            if mount.target == "/":
                yield from map(_bind, _root_mounts())
                yield from map(_bind, lower_mounts(table, placed))
                yield from (
                    f"--tmpfs={own}:ro,size=4096" for own in _OF_ENGINES if os.access(own, os.F_OK)
                )
            elif not mount.target.startswith("/proc") and _there(mount):
                yield _bind(mount)
        elif mount.kind == "tmpfs" and mount.target not in masks:
            yield f"--tmpfs={mount.target}:rw,exec,mode=0755,size={TMPFS_BYTES}"
        elif mount.kind == "remount-ro":
            yield f"--tmpfs={mount.target}:ro,size=4096"


def _root_mounts() -> Iterator[Mount]:
    for entry in sorted(Path("/").iterdir()):
        if entry.name not in _NOT_OF_THE_HOST and (entry.is_dir() or entry.is_file()):
            yield Mount("ro-bind", str(entry), str(entry))


def lower_mounts(table: str, placed: Iterable[str]) -> Iterator[Mount]:
    """Yield each file system below a folder of the root again, read-only by itself.

    Engines of old make only the first mount of a bind read-only, not those that come along with
    it. `table` is /proc/self/mountinfo; what lies in a folder of `placed` is left to that.
    """
    covers = (*placed, *_OF_ENGINES, *(f"/{name}" for name in _NOT_OF_THE_HOST))
    found = {_unescaped(line.split()[4]) for line in table.splitlines()}
    for target in sorted(found):
        inside = any(target == cover or target.startswith(f"{cover}/") for cover in covers)
        if target.count("/") > 1 and not inside and os.access(target, os.F_OK):
            yield Mount("ro-bind", target, target)


def _unescaped(path: str) -> str:
    """Return a path of the kernel's table, where blanks and the like are octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), path)


def _there(mount: Mount) -> bool:
    return not mount.optional or os.path.lexists(mount.source)


def _bind(mount: Mount) -> str:
    fields = ["type=bind", f"source={mount.source}", f"target={mount.target}"]
    if mount.kind == "ro-bind":
        fields.append("readonly")
    return f"--mount={','.join(map(_quoted, fields))}"


def _quoted(field: str) -> str:
    """Return a field of a line of comma-separated values, which is how the engines read it."""
    if any(sign in field for sign in ',"\r\n'):
        doubled = field.replace('"', '""')
        return f'"{doubled}"'
    return field
