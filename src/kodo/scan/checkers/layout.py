"""How many bytes a type has, on a 64-bit POSIX system.

Knows types as the lowering writes them, and the structs of the file. Guards that an unknown type
has one size everywhere, so that sizes of it can still be compared.
"""

import re

from kodo.scan.ir import Module

POINTER_BYTES = 8
UNKNOWN_BYTES = 24
MAX_NESTING = 6

_SIZES = {
    "char": 1, "bool": 1, "signed char": 1, "unsigned char": 1, "int8_t": 1, "uint8_t": 1,
    "short": 2, "unsigned short": 2, "int16_t": 2, "uint16_t": 2, "void": 1, "_Bool": 1,
    "int": 4, "unsigned": 4, "unsigned int": 4, "int32_t": 4, "uint32_t": 4, "float": 4,
    "wchar_t": 4, "long": 8, "unsigned long": 8, "long long": 8, "unsigned long long": 8,
    "int64_t": 8, "uint64_t": 8, "size_t": 8, "ssize_t": 8, "double": 8, "time_t": 8, "BYTE": 1,
}  # fmt: skip
_LENGTH = re.compile(r"\[([^\]]*)\]")
RANGES = {
    "char": (-128, 127), "signed char": (-128, 127), "unsigned char": (0, 255),
    "short": (-(1 << 15), (1 << 15) - 1), "unsigned short": (0, (1 << 16) - 1),
    "int": (-(1 << 31), (1 << 31) - 1), "unsigned int": (0, (1 << 32) - 1),
    "unsigned": (0, (1 << 32) - 1), "int32_t": (-(1 << 31), (1 << 31) - 1),
    "int64_t": (-(1 << 63), (1 << 63) - 1), "long": (-(1 << 63), (1 << 63) - 1),
    "size_t": (0, (1 << 64) - 1),
}  # fmt: skip


class Layout:
    """Sizes of types in one file."""

    def __init__(self, module: Module, constants: dict[str, int]) -> None:
        self._module = module
        self._constants = constants

    def pointed(self, kind: str) -> str:
        """Return what a pointer or array of this type holds, "" where unknown."""
        if kind.endswith("]"):
            return _LENGTH.sub("", kind, count=1)
        return kind[:-1] if kind.endswith("*") else ""

    def alias(self, kind: str) -> str:
        """Return the type that a `typedef` stands for."""
        return self._module.imports.get(kind, kind) if kind not in _SIZES else kind

    def size(self, kind: str, nesting: int = 0) -> int:
        """Return the bytes of a type; unknown ones have UNKNOWN_BYTES."""
        kind = self.alias(kind)
        if kind.endswith("*"):
            return POINTER_BYTES
        lengths = _LENGTH.findall(kind)
        if lengths:
            size = self.size(kind.partition("[")[0], nesting)
            for length in lengths:
                count = self._constants.get(length)
                if count is None:
                    count = int(length) if length.isdecimal() else 1
                size *= count
            return size
        known = _SIZES.get(kind)
        if known is not None:
            return known
        made = self._module.classes.get(kind)
        if made is None or nesting >= MAX_NESTING or not made.fields:
            return UNKNOWN_BYTES
        sizes = [(one, self.size(one, nesting + 1)) for one in made.fields.values()]
        if "union" in made.bases:
            return max(size for _, size in sizes)
        total = 0
        widest = 1
        for one, size in sizes:
            align = min(self.size(one.partition("[")[0], nesting + 1), 8)
            align = align if align in (1, 2, 4, 8) else 8
            widest = max(widest, align)
            total = -(-total // align) * align + size
        return -(-total // widest) * widest

    def is_sized(self, kind: str) -> bool:
        """Whether all lengths of an array's type are known numbers."""
        lengths = _LENGTH.findall(self.alias(kind))
        return all(one.isdecimal() or one in self._constants for one in lengths)

    def field(self, kind: str, name: str) -> str:
        """Return the type of a field of a struct or pointer to one, "" where unknown."""
        made = self._module.classes.get(self.alias(kind.rstrip("*")))
        return made.fields.get(name, "") if made is not None else ""
