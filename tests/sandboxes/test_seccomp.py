"""The filter as the kernel would run it, in a small machine of our own."""

import struct

import pytest

from kodo.sandboxes.seccomp import Machine, compile_filter

ALLOW, KILL = "allow", "kill"
ARCH: dict[Machine, int] = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
SOCKET: dict[Machine, int] = {"x86_64": 41, "aarch64": 198}
CONNECT: dict[Machine, int] = {"x86_64": 42, "aarch64": 203}
MOUNT: dict[Machine, int] = {"x86_64": 165, "aarch64": 40}
WRITE: dict[Machine, int] = {"x86_64": 1, "aarch64": 64}


def judge(code: bytes, arch: int, number: int, *arguments: int) -> str | int:
    """Run the filter; return what it decides, an error number for a refusal."""
    padded = [*arguments, 0, 0, 0, 0, 0, 0][:6]
    data = struct.pack("=iIQ6Q", number, arch, 0, *padded)
    steps = list(struct.iter_unpack("=HBBI", code))
    at = value = 0
    while True:
        operation, on_true, on_false, operand = steps[at]
        at += 1
        if operation == 0x20:
            (value,) = struct.unpack_from("=I", data, operand)
        elif operation == 0x54:
            value &= operand
        elif operation == 0x06:
            names = {0x7FFF0000: ALLOW, 0x80000000: KILL}
            return names.get(operand, operand & 0xFFFF)
        else:
            holds = {0x15: value == operand, 0x25: value > operand, 0x45: bool(value & operand)}
            at += on_true if holds[operation] else on_false


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("allow_net", [False, True])
def test_decisions(machine: Machine, *, allow_net: bool) -> None:
    code = compile_filter(machine, allow_net=allow_net)
    arch = ARCH[machine]
    unix, inet, packet = 1, 2, 17
    stream, datagram, no_block = 1, 2, 0o4000
    assert judge(code, arch, WRITE[machine]) == ALLOW
    assert judge(code, arch, MOUNT[machine]) == 1
    assert judge(code, arch, SOCKET[machine], packet, stream) == 13
    assert judge(code, arch, SOCKET[machine], inet, stream) == (ALLOW if allow_net else 13)
    wanted = 13 if allow_net else ALLOW
    assert judge(code, arch, SOCKET[machine], unix, stream | no_block) == wanted
    assert judge(code, arch, SOCKET[machine], unix, datagram) == 13
    assert judge(code, arch, SOCKET[machine] + (12 if machine == "x86_64" else 1), unix, 1) == ALLOW
    assert judge(code, arch, CONNECT[machine]) == (ALLOW if allow_net else 13)
    assert judge(code, arch, SOCKET[machine], packet | 1 << 32, stream) == 13
    assert judge(code, arch, SOCKET[machine], (1 << 32) | packet, stream) == 13
    assert judge(code, arch, 1 << 20) == 38
    assert judge(code, 0x40000003, WRITE[machine]) == KILL


def test_the_two_machines_differ_in_their_numbers() -> None:
    intel = compile_filter("x86_64", allow_net=True)
    arm = compile_filter("aarch64", allow_net=True)
    assert judge(intel, ARCH["aarch64"], 1) == KILL
    assert judge(arm, ARCH["x86_64"], 1) == KILL


def test_set_user_id_and_namespaces_are_judged_by_argument() -> None:
    code = compile_filter("x86_64", allow_net=False)
    arch = ARCH["x86_64"]
    assert judge(code, arch, 90, 0, 0o755) == ALLOW
    assert judge(code, arch, 90, 0, 0o4755) == 1
    assert judge(code, arch, 268, 0, 0, 0o4755) == 1
    assert judge(code, arch, 56, 0x01200011) == ALLOW
    assert judge(code, arch, 56, 0x10000011) == 1
    assert judge(code, arch, 16, 0, 0x5412) == 1
    assert judge(code, arch, 16, 0, 0x5401) == ALLOW
