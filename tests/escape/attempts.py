"""The attempts: small programs that try to get out, each against one guarantee.

A program prints ESCAPED where it got through; the canary in its output or a change of the scene
counts as well. `proven` ones succeed without a jail, on any Linux: that shows that they are real.
"""

import msgspec

from kodo.core.sandbox import Guarantee

PYTHON = """
import ctypes, errno, os, socket, struct, sys
E = os.environ
libc = ctypes.CDLL(None, use_errno=True)
machine = os.uname().machine
def call(numbers, *arguments):
    number = numbers[0] if machine == "x86_64" else numbers[1]
    result = libc.syscall(number, *arguments)
    return result, ctypes.get_errno()
def escaped(*words):
    print("ESCAPED", *words)
    sys.exit(0)
"""


class Attempt(msgspec.Struct, frozen=True):
    """`program` is bash, or Python where it says so. `not_on` names rungs that document a hole."""

    name: str
    against: Guarantee
    program: str
    python: bool = False
    proven: bool = False
    not_on: frozenset[str] = frozenset()

    @property
    def words(self) -> list[str]:
        if self.python:
            return ["python3", "-c", PYTHON + self.program]
        return ["bash", "-c", self.program]


ATTEMPTS: list[Attempt] = []


def _bash(
    against: Guarantee, programs: dict[str, str], *, proven: bool = False, not_on: str = ""
) -> None:
    for name, program in programs.items():
        rungs = frozenset(not_on.split())
        ATTEMPTS.append(Attempt(name, against, program, proven=proven, not_on=rungs))


def _python(
    against: Guarantee, programs: dict[str, str], *, proven: bool = False, not_on: str = ""
) -> None:
    for name, text in programs.items():
        rungs = frozenset(not_on.split())
        ATTEMPTS.append(Attempt(name, against, text, python=True, proven=proven, not_on=rungs))


_bash(
    "write_outside_denied",
    {
        "redirect": 'echo x > "$OUTSIDE/file"',
        "append": 'echo x >> "$OUTSIDE/file"',
        "dot-dot": "echo x > ../outside/new",
        "through-a-symlinked-folder": 'ln -s "$OUTSIDE" link; echo x > link/file',
        "through-a-symlinked-file": 'ln -s "$OUTSIDE/file" link; echo x > link',
        "through-a-hard-link": 'ln "$OUTSIDE/file" hard && echo x > hard',
        "rename-away": 'mv "$OUTSIDE/file" taken',
        "remove": 'rm -f "$OUTSIDE/file"',
        "make-a-folder": 'mkdir "$OUTSIDE/folder"',
        "through-proc-self-root": 'echo x > "/proc/self/root$OUTSIDE/file"',
        "reopen-a-descriptor": 'exec 3< "$OUTSIDE/file" && echo x > /proc/self/fd/3',
        "archive-with-dots": (
            "mkdir -p a && echo x > a/f && tar -cPf t.tar --transform 's,a/f,../outside/new,' a/f"
            " && tar -xPf t.tar"
        ),
        "the-user's-shell-start": 'echo evil >> "$REAL_HOME/.bashrc"',
        "a-program-on-the-path": 'echo evil >> "$REAL_HOME/.local/bin/tool"',
        "a-makefile": "printf 'all:\\n\\techo x > ../outside/new\\n' > Makefile; make -s",
        "a-test": (
            'printf \'import os\\nopen(os.environ["OUTSIDE"] + "/new", "w")\\n\' > test_a.py;'
            " python3 -m unittest -q test_a"
        ),
        "a-post-install-script": (
            'printf \'{"name":"a","version":"1.0.0","scripts":{"postinstall":'
            '"echo x > $OUTSIDE/new"}}\' > package.json; sh -c "echo x > \\"$OUTSIDE/new\\""'
        ),
        "a-hook-of-a-new-repository": (
            "git init -q r && printf '#!/bin/sh\\necho x > \"$OUTSIDE/new\"\\n' >"
            " r/.git/hooks/post-commit && chmod +x r/.git/hooks/post-commit && cd r && echo a > a"
            " && git add a && git -c user.name=a -c user.email=a@b commit -qm a"
        ),
    },
    proven=True,
)
_bash(
    "write_outside_denied",
    {
        "mode": 'chmod 0600 "$OUTSIDE/file"',
        "times": 'touch -d 2001-01-01 "$OUTSIDE/file"',
    },
    proven=True,
    not_on="landlock",
)
_bash(
    "write_outside_denied",
    {
        "remount": 'mount -o remount,rw,bind / ; echo x > "$OUTSIDE/file"',
        "bind-mount": 'mkdir m && mount --bind "$OUTSIDE" m && echo x > m/file',
        "user-namespace": "unshare -Urm sh -c 'mount -o remount,rw / ; echo x > \"$OUTSIDE/file\"'",
        "unmount-the-home": 'umount -l "$REAL_HOME"; echo evil >> "$REAL_HOME/.bashrc"',
        "system-folder": "touch /etc/kodo-escape && rm /etc/kodo-escape && echo ESCAPED",
        "preload-for-all": "echo -n >> /etc/ld.so.preload && echo ESCAPED",
        "crontab": "{ crontab -l; echo '#'; } 2>/dev/null | crontab - && echo ESCAPED",
        "core-pattern": ": >> /proc/sys/kernel/core_pattern && echo ESCAPED",
        "magic-keys": ": >> /proc/sysrq-trigger && echo ESCAPED",
        "uevent-helper": ": >> /sys/kernel/uevent_helper && echo ESCAPED",
        "release-agent": (
            "for f in /sys/fs/cgroup/*/release_agent; do : >> $f && echo ESCAPED; done"
        ),
        "release-agent-of-its-own": (
            "mkdir c && mount -t cgroup -o memory cgroup c && : >> c/release_agent && echo ESCAPED"
        ),
        "control-group-of-the-host": "mkdir /sys/fs/cgroup/*/kodo-escape && echo ESCAPED",
        "binary-format": "echo x > /proc/sys/fs/binfmt_misc/register && echo ESCAPED",
        "root-of-process-1": 'echo x > "/proc/1/root$OUTSIDE/file"',
        "root-of-a-bystander": 'echo x > "/proc/$BYSTANDER/root$OUTSIDE/file"',
        "folder-of-a-bystander": 'cd "/proc/$BYSTANDER/cwd" && touch kodo-escape && echo ESCAPED',
        "chroot-out": 'mkdir -p r && chroot /proc/1/root sh -c "echo x > $OUTSIDE/file"',
        "git-outside-its-folder": (
            "printf 'diff --git a/x b/x\\n--- a/../outside/file\\n+++ b/../outside/file\\n"
            "@@ -1 +1 @@\\n-whole\\n\\\\ No newline at end of file\\n+x\\n' | git apply"
            " --unsafe-paths -p1"
        ),
        "local-time": "ln -sf /dev/null /etc/localtime && echo ESCAPED",
    },
)
_python(
    "write_outside_denied",
    {
        "truncate": 'os.truncate(E["OUTSIDE"] + "/file", 0)',
        "shared-mapping": """
import mmap
with open(E["OUTSIDE"] + "/file", "r+b") as f:
    mmap.mmap(f.fileno(), 5)[:] = b"brokn"
""",
        "path-only-descriptor": """
fd = os.open(E["OUTSIDE"] + "/file", os.O_PATH)
with open(f"/proc/self/fd/{fd}", "w") as f: f.write("x")
""",
        "symlink-race": """
import threading
os.mkdir("in"); open("in/file", "w").close()
def swap():
    for _ in range(3000):
        for target in (E["OUTSIDE"], "in"):
            try: os.symlink(target, "next"); os.rename("next", "way")
            except OSError: pass
t = threading.Thread(target=swap); t.start()
while t.is_alive():
    try:
        with open("way/file", "w") as f: f.write("raced")
    except OSError: pass
""",
        "hard-link-race": """
for _ in range(200):
    try: os.link(E["OUTSIDE"] + "/file", "h"); open("h", "w").write("x")
    except OSError: pass
""",
        "exchange-of-names": """
open("mine", "w").write("x")
call((316, 276), -100, b"mine", -100, (E["OUTSIDE"] + "/file").encode(), 2)
""",
        "socket-left-outside": """
s = socket.socket(socket.AF_UNIX); s.bind(E["OUTSIDE"] + "/new")
""",
    },
    proven=True,
)
_python(
    "write_outside_denied",
    {
        "extended-attribute": """
os.setxattr(E["OUTSIDE"] + "/file", "user.kodo", b"x"); escaped()
""",
        "handle-of-a-file": """
handle = ctypes.create_string_buffer(struct.pack("Ii", 120, 0) + bytes(120)); mount = ctypes.c_int()
call((303, 264), -100, b".", handle, ctypes.byref(mount), 0)
fd, _ = call((304, 265), os.open("/", os.O_RDONLY), handle, os.O_RDONLY)
if fd >= 0: escaped("a file was opened by its handle")
""",
        "new-mount-calls": """
fd, _ = call((430, 430), b"tmpfs", 0)
if fd >= 0: escaped("a file system was opened")
fd, _ = call((428, 428), -100, E["OUTSIDE"].encode(), 1)
if fd >= 0: escaped("a mount was cloned")
""",
    },
)

_bash(
    "read_secrets_denied",
    {
        "ssh-key": 'cat "$REAL_HOME/.ssh/id_ed25519"',
        "cloud-keys": 'cat "$REAL_HOME/.aws/credentials"',
        "netrc": 'cat "$REAL_HOME/.netrc"',
        "dot-env": 'cat "$REAL_HOME/.env"',
        "forge-token": 'cat "$REAL_HOME/.config/gh/hosts.yml"',
        "a-secret-of-the-jail": 'cat "$OUTSIDE/secret"',
        "secret-through-a-symlink": 'ln -s "$OUTSIDE/secret" s; cat s',
        "secret-through-a-hard-link": 'ln "$OUTSIDE/secret" s && cat s',
        "secret-through-proc": 'cat "/proc/self/root$OUTSIDE/secret"',
        "secret-in-an-archive": 'tar -cf - -C "$REAL_HOME" .ssh .aws | cat',
        "search-of-everything": 'grep -rs canary "$REAL_HOME" "$OUTSIDE"',
    },
    proven=True,
)
_bash(
    "read_secrets_denied",
    {
        "password-hashes": "head -c 1 /etc/shadow && echo ESCAPED",
        "secret-of-process-1": 'cat "/proc/1/root$REAL_HOME/.ssh/id_ed25519"',
        "secret-of-a-bystander": 'cat "/proc/$BYSTANDER/root$OUTSIDE/secret"',
        "unmount-the-mask": 'umount -l "$OUTSIDE/secret" "$REAL_HOME"; cat "$OUTSIDE/secret"',
        "rename-the-folder": 'mv "$REAL_HOME/.ssh" keys && cat keys/*',
        "raw-disk": 'head -c 1 "$(df --output=source / | tail -1)" && echo ESCAPED',
        "kernel-memory": "head -c 1 /proc/kcore && echo ESCAPED",
        "engine-sockets": (
            "for s in /run/docker.sock /var/run/docker.sock /run/containerd/containerd.sock"
            " /run/user/*/bus; do test -S $s && echo ESCAPED; done"
        ),
    },
)

_bash(
    "environment_scrubbed",
    {
        "variables": "env",
        "variables-in-proc": "tr '\\0' '\\n' < /proc/self/environ",
        "preload": '[ -n "$LD_PRELOAD" ] && echo ESCAPED',
        "credentials-in-an-address": 'echo "$PIP_INDEX_URL"',
    },
)

_bash(
    "host_processes_hidden",
    {
        "list": 'test -e "/proc/$BYSTANDER/status" && echo ESCAPED',
        "environment-of-others": "cat /proc/[0-9]*/environ",
        "command-lines": (
            "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -q 'slee[p] 600' && echo ESCAPED"
        ),
    },
    proven=True,
)

_bash(
    "signals_contained",
    {
        "kill": 'kill -0 "$BYSTANDER" && echo ESCAPED',
        "stop": 'kill -STOP "$BYSTANDER" && kill -CONT "$BYSTANDER" && echo ESCAPED',
        "environment-of-a-bystander": 'cat "/proc/$BYSTANDER/environ"',
        "parent": 'kill -0 "$KODO" && echo ESCAPED',
    },
    proven=True,
)
_python(
    "signals_contained",
    {
        "descriptor-of-a-process": """
fd, _ = call((434, 434), int(E["BYSTANDER"]), 0)
if fd >= 0 and call((424, 424), fd, 0, 0, 0)[0] == 0: escaped()
""",
        "trace": """
if libc.ptrace(16, int(E["BYSTANDER"]), 0, 0) == 0: escaped()
""",
        "read-memory": """
there = open(f"/proc/{E['BYSTANDER']}/mem", "rb"); escaped()
""",
        "limits-of-a-bystander": """
import resource
resource.prlimit(int(E["BYSTANDER"]), resource.RLIMIT_NOFILE); escaped()
""",
    },
    proven=True,
)
_python(
    "signals_contained",
    {
        "copy-memory": """
class Piece(ctypes.Structure): _fields_ = [("at", ctypes.c_void_p), ("size", ctypes.c_size_t)]
mine = ctypes.create_string_buffer(8); a = Piece(ctypes.addressof(mine), 8)
pid = int(E["BYSTANDER"])
b = Piece(int(open(f"/proc/{pid}/maps").read().split("-")[0], 16), 8)
if call((310, 270), pid, ctypes.byref(a), 1, ctypes.byref(b), 1, 0)[0] > 0: escaped()
""",
        "take-a-descriptor": """
fd, _ = call((434, 434), int(E["BYSTANDER"]), 0)
if fd >= 0 and call((438, 438), fd, 0, 0)[0] >= 0: escaped()
""",
        "type-into-the-terminal": """
import fcntl
for fd in (0, 1, 2):
    try: fcntl.ioctl(fd, 0x5412, b"x")
    except OSError: continue
    escaped()
try: fcntl.ioctl(os.open("/dev/tty", os.O_RDWR), 0x5412, b"x")
except OSError: sys.exit()
escaped()
""",
        "type-with-high-bits": """
libc.ioctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_char_p]
master, slave = os.openpty()
if libc.ioctl(slave, 0x5412 | 1 << 32, b"x") == 0: escaped()
""",
    },
)

_SEND = """
def tried(family, kind, address, data=b"x"):
    try:
        s = socket.socket(family, kind); s.settimeout(1)
        s.connect(address); s.send(data)
    except TimeoutError: escaped("packets left")
    except OSError as error:
        if error.errno in (errno.ECONNREFUSED, errno.EHOSTUNREACH): escaped("an answer came")
        sys.exit()
    escaped()
"""
_python(
    "network_denied",
    {
        "loopback-of-the-host": """
s = socket.create_connection(("127.0.0.1", int(E["PORT"])), 2); escaped()
""",
        "abstract-socket": """
s = socket.socket(socket.AF_UNIX); s.connect("\\0" + E["ABSTRACT"]); escaped()
""",
        "abstract-datagram": """
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect("\\0" + E["ABSTRACT"] + "-d"); escaped()
""",
        "named-socket": """
s = socket.socket(socket.AF_UNIX); s.connect(E["SOCKET"]); escaped()
""",
    },
    proven=True,
)
_python(
    "network_denied",
    {
        "udp": _SEND + 'tried(socket.AF_INET, socket.SOCK_DGRAM, ("192.0.2.1", 53))',
        "udp6": _SEND + 'tried(socket.AF_INET6, socket.SOCK_DGRAM, ("2001:db8::1", 53))',
        "tcp": _SEND + 'tried(socket.AF_INET, socket.SOCK_STREAM, ("192.0.2.1", 80))',
        "tcp6": _SEND + 'tried(socket.AF_INET6, socket.SOCK_STREAM, ("2001:db8::1", 80))',
        "metadata": _SEND + 'tried(socket.AF_INET, socket.SOCK_STREAM, ("169.254.169.254", 80))',
        "metadata6": _SEND + 'tried(socket.AF_INET6, socket.SOCK_STREAM, ("fd00:ec2::254", 80))',
        "name-server": _SEND
        + """
for line in open("/etc/resolv.conf"):
    if line.startswith("nameserver"):
        tried(socket.AF_INET, socket.SOCK_DGRAM, (line.split()[1], 53), b"q" * 20)
""",
        "multicast": _SEND + 'tried(socket.AF_INET, socket.SOCK_DGRAM, ("224.0.0.251", 5353))',
        "broadcast": """
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.setsockopt(1, socket.SO_BROADCAST, 1)
s.sendto(b"x", ("255.255.255.255", 9)); escaped()
""",
        "raw": """
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 1); escaped()
""",
        "packet": """
s = socket.socket(17, socket.SOCK_RAW, 3); escaped()
""",
        "fast-open": """
s = socket.socket(); s.sendto(b"x", 0x20000000, ("192.0.2.1", 80)); escaped()
""",
        "network-of-process-1": """
for pid in ("1", E["BYSTANDER"]):
    if libc.setns(os.open(f"/proc/{pid}/ns/net", os.O_RDONLY), 0) == 0 and pid != "1": escaped()
names = [line.split(":")[0].strip() for line in open("/proc/net/dev") if ":" in line]
if set(names) - {"lo"}: escaped(*names)
""",
        "inherited-descriptors": """
for name in os.listdir("/proc/self/fd"):
    if int(name) < 3: continue
    try: target = os.readlink(f"/proc/self/fd/{name}")
    except OSError: continue
    if target.startswith("socket:"): escaped(target)
""",
        "virtual-machine-socket": """
s = socket.socket(40, socket.SOCK_STREAM); s.settimeout(1); s.connect((2, 1024)); escaped()
""",
        "add-an-address": """
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0); s.bind((0, 0))
s.send(struct.pack("IHHII", 24, 20, 0x505, 1, 0) + struct.pack("BBBBI", 2, 8, 0, 0, 2))
code = struct.unpack("i", s.recv(4096)[16:20])[0]
if code == 0: escaped()
""",
    },
)

_bash(
    "repository_protected",
    {
        "hook": "echo x > .git/hooks/pre-commit",
        "config": "git config core.fsmonitor evil || echo '[a]' >> .git/config",
        "rename": "mv .git old && cp -r old .git && echo x > .git/hooks/pre-commit",
        "remove-and-make": "rm -rf .git; mkdir -p .git/hooks && echo x > .git/hooks/pre-commit",
        "head": "echo evil > .git/HEAD",
        "hard-link-to-config": "ln .git/config c && echo '[a]' >> c",
        "common-folder": "echo /tmp > .git/commondir",
        "modules": "mkdir -p .git/modules/a && echo x > .git/modules/a/config",
        "replace-by-a-symlink": 'rm -rf .kodo && ln -s "$OUTSIDE" .kodo',
        "configuration-of-kodo": "echo 'mode = 1' > .kodo/config.toml",
        "rules-of-kodo": "echo allow > .kodo/rules",
        "through-the-parent": 'echo x > "../$(basename "$PWD")/.git/hooks/pre-commit"',
    },
    proven=True,
)

_bash(
    "privileges_denied",
    {
        "sudo": "sudo -n true && echo ESCAPED",
        "capabilities": "grep -q 'CapEff:.*[1-9a-f]' /proc/self/status && echo ESCAPED",
        "new-privileges": "grep -q 'NoNewPrivs:.*0' /proc/self/status && echo ESCAPED",
        "new-user-namespace": "unshare -U true && echo ESCAPED",
        "new-mounts": "unshare -m true && echo ESCAPED",
        "mount": "mkdir -p m && mount -t tmpfs none m && echo ESCAPED",
        "join-process-1": "nsenter -t 1 -m -- true && echo ESCAPED",
        "set-user-id-file": "cp /bin/true t && chmod 4755 t && test -u t && echo ESCAPED",
        "installed-set-user-id": "install -m 4755 /bin/true t && test -u t && echo ESCAPED",
        "host-name": "hostname kodo-escape && echo ESCAPED",
    },
)
_python(
    "privileges_denied",
    {
        "made-set-user-id": """
fd = os.open("made", os.O_CREAT | os.O_WRONLY, 0o4755)
if os.fstat(fd).st_mode & 0o4000: escaped()
""",
        "made-set-user-id-by-a-newer-call": """
how = struct.pack("QQQ", os.O_CREAT | os.O_WRONLY, 0o4755, 0)
fd, _ = call((437, 437), -100, b"newer", how, 24)
if fd >= 0 and os.fstat(fd).st_mode & 0o4000: escaped()
""",
        "made-set-user-id-without-a-name": """
fd = os.open(".", os.O_TMPFILE | os.O_WRONLY, 0o4755)
if os.fstat(fd).st_mode & 0o4000: escaped()
""",
        "node-set-user-id": """
os.mknod("node", 0o104755)
if os.stat("node").st_mode & 0o4000: escaped()
""",
        "clone-into-a-namespace": """
pid, _ = call((56, 220), 0x10000000 | 17, 0, 0, 0, 0)
if pid == 0: os._exit(0)
if pid > 0: escaped()
""",
        "clone3-into-a-namespace": """
pid, _ = call((435, 435), struct.pack("8Q", 0x10000000, 0, 0, 0, 17, 0, 0, 0), 64)
if pid == 0: os._exit(0)
if pid > 0: escaped()
""",
        "take-root": """
before = os.geteuid()
try: os.setuid(0)
except OSError: sys.exit()
if before != 0: escaped()
""",
        "other-users": """
os.setuid(12345); escaped()
""",
    },
)

_bash(
    "devices_denied",
    {
        "make-a-disk": "mknod disk b 254 0 && head -c 1 disk && echo ESCAPED",
        "make-a-memory": "mknod memory c 1 1 && head -c 1 memory && echo ESCAPED",
        "open-what-there-is": (
            "for d in /dev/vda /dev/sda /dev/nvme0n1 /dev/mem /dev/kmsg /dev/kvm /dev/fuse"
            " /dev/loop-control /dev/net/tun /dev/mapper/control /dev/input/event0 /dev/snd/timer"
            " /dev/vhost-vsock /dev/userfaultfd /dev/hwrng /dev/rtc0 /dev/console; do"
            " ( : < $d ) 2>/dev/null && echo ESCAPED $d; done"
        ),
        "null-is-null": "rm -f /dev/null && echo ESCAPED",
    },
)

_python(
    "kernel_calls_limited",
    {
        "bpf": """
result, code = call((321, 280), 0, struct.pack("IIIII", 2, 4, 4, 1, 0) + bytes(100), 120)
if result >= 0 or code != errno.EPERM: escaped(code)
""",
        "io-uring": """
fd, _ = call((425, 425), 4, bytes(120))
if fd >= 0: escaped()
""",
        "keys": """
for number in ((250, 219), (248, 217), (249, 218)):
    result, code = call(number, 0, -4, 0, 0, 0)
    if result >= 0 or code not in (errno.EPERM, errno.ENOSYS): escaped(number, code)
""",
        "page-faults": """
fd, _ = call((323, 282), 0)
if fd >= 0: escaped()
""",
        "performance-counters": """
fd, _ = call((298, 241), struct.pack("IIQ", 1, 112, 0) + bytes(96), 0, -1, -1, 0)
if fd >= 0: escaped()
""",
        "modules": """
result, code = call((175, 105), b"x", 1, b"")
if code != errno.EPERM: escaped(code)
""",
        "new-kernel": """
result, code = call((320, 294), -1, -1, 0, b"", 0)
if code != errno.EPERM: escaped(code)
""",
        "watch-of-all-files": """
fd, _ = call((300, 262), 0, 0)
if fd >= 0: escaped()
""",
        "kernel-log": """
size, _ = call((103, 116), 10, 0, 0)
if size >= 0: escaped()
""",
        "accounting": """
result, code = call((163, 89), 0)
if result == 0: escaped()
""",
        "clock": """
result, code = call((164, 170), 0, 0)
if result == 0 or code != errno.EPERM: escaped(code)
""",
        "cryptography-sockets": """
s = socket.socket(38, socket.SOCK_SEQPACKET); escaped()
""",
        "calls-nobody-knows": """
result, code = call((1000, 1000))
if code != errno.ENOSYS: escaped(code)
""",
    },
)

_bash(
    "pids_limited",
    {
        "fork-bomb": (
            "n=0; while [ $n -lt 600 ]; do sleep 60 & n=$((n+1)); done 2>/dev/null;"
            " [ $(jobs -rp | wc -l) -ge 600 ] && echo ESCAPED"
        ),
    },
)
_python(
    "memory_limited",
    {
        "one-process": """
b = bytearray(1500 << 20); b[::4096] = b"x" * len(b[::4096]); escaped()
""",
    },
)
_python(
    "memory_sum_limited",
    {
        "many-processes": """
ends = []
for _ in range(4):
    r, w = os.pipe()
    if os.fork() == 0:
        b = bytearray(150 << 20)
        for at in range(0, len(b), 4096): b[at] = 1
        os.write(w, b"y"); os.read(os.pipe()[0], 1)
    os.close(w); ends.append(r)
if all(os.read(r, 1) == b"y" for r in ends): escaped()
""",
        "file-in-memory": """
fd = os.memfd_create("m")
for _ in range(600): os.write(fd, bytes(1 << 20))
escaped()
""",
    },
)
_bash(
    "file_size_limited",
    {
        "one-large-file": "head -c 200000000 /dev/zero > big && echo ESCAPED",
        "one-sparse-file": "truncate -s 1T sparse && echo ESCAPED",
        "one-file-in-tmp": 'head -c 200000000 /dev/zero > "${TMPDIR:-/tmp}/big" && echo ESCAPED',
    },
)

SURVIVORS: dict[str, str] = {
    "background": "sleep 7471 & disown",
    "no-hang-up": "nohup sleep 7471 >/dev/null 2>&1 &",
    "own-session": "setsid sleep 7471 >/dev/null 2>&1 &",
    "twice-forked": "(setsid sh -c 'sleep 7471 & exit' >/dev/null 2>&1 &)",
    "deaf-to-signals": "setsid sh -c 'trap \"\" TERM INT HUP; sleep 7471' >/dev/null 2>&1 &",
    "past-its-time": "setsid sleep 7471 >/dev/null 2>&1 & sleep 7471",
}
"""Programs that leave a process behind; the last one is cut short by its time limit."""

SURVIVORS_WITHOUT_A_TRACE = {
    "without-an-environment": "env -i setsid sleep 7471 >/dev/null 2>&1 & sleep 0.5",
    "twice-forked-without-an-environment": (
        "(env -i setsid sh -c 'sleep 7471 & exit' >/dev/null 2>&1 &); sleep 0.5"
    ),
}
