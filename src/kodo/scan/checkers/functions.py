"""Functions of libc by name: which allocate, free, copy, fill, measure, read in or keep nothing.

Only tables. Does not know memory or calls. Guards that each function is described in one place.
"""

from __future__ import annotations

from typing import NamedTuple

from kodo.scan.checkers.values import Number

ALLOCATORS = frozenset({"malloc", "calloc", "alloca", "__builtin_alloca", "xmalloc", "valloc"})
FREED_BY = {"free": "malloc", "delete": "new", "delete[]": "new[]", "cfree": "malloc"}
OWNED = frozenset({"malloc", "new", "new[]", "local"})
PARSERS = frozenset({"atoi", "atol", "strtol", "strtoul", "atoll"})


class Copy(NamedTuple):
    """A copying function: bytes of an element, whether it stops at the end of text, whether it adds
    to the end, and the place of its bound (None for none)."""

    unit: int
    stops: bool
    appends: bool
    bound: int | None


COPIES = {
    "memcpy": Copy(1, stops=False, appends=False, bound=2),
    "memmove": Copy(1, stops=False, appends=False, bound=2),
    "wmemcpy": Copy(4, stops=False, appends=False, bound=2),
    "wmemmove": Copy(4, stops=False, appends=False, bound=2),
    "strcpy": Copy(1, stops=True, appends=False, bound=None),
    "stpcpy": Copy(1, stops=True, appends=False, bound=None),
    "wcscpy": Copy(4, stops=True, appends=False, bound=None),
    "strcat": Copy(1, stops=True, appends=True, bound=None),
    "wcscat": Copy(4, stops=True, appends=True, bound=None),
    "strncpy": Copy(1, stops=True, appends=False, bound=2),
    "wcsncpy": Copy(4, stops=True, appends=False, bound=2),
    "strncat": Copy(1, stops=True, appends=True, bound=2),
    "wcsncat": Copy(4, stops=True, appends=True, bound=2),
}
FILLS = {"memset": 1, "wmemset": 4}
BOUNDED = {
    "fgets": (0, 1, 1), "fgetws": (0, 1, 4), "recv": (1, 2, 1), "read": (1, 2, 1),
    "readlink": (1, 2, 1),
    "snprintf": (0, 1, 1), "vsnprintf": (0, 1, 1), "_snprintf": (0, 1, 1), "swprintf": (0, 1, 4),
    "_snwprintf": (0, 1, 4), "SNPRINTF": (0, 1, 1),
}  # fmt: skip
"""Places of the buffer and of the most elements that are written, bytes of an element."""

LENGTHS = {"strlen": 1, "wcslen": 4}
ENDLESS = frozenset({"getenv", "secure_getenv"})
READERS = frozenset({"recv", "read", "readlink"})
"""They give how many bytes they wrote, which may be as many as there is room for."""

OPENS = {
    "fopen": "file", "fdopen": "file", "popen": "file", "tmpfile": "file", "opendir": "file",
    "strdup": "malloc", "strndup": "malloc",
}  # fmt: skip
"""They give storage or an open file, or null."""

CLOSES = frozenset({"fclose", "pclose", "closedir"})
MAY_FAIL = frozenset({"malloc", "calloc", "realloc", "valloc"})
FILE_AT = {
    "fgets": 2, "fread": 3, "fwrite": 3, "fclose": 0, "fprintf": 0, "fputs": 1, "fputc": 1,
    "fseek": 0, "ftell": 0, "fscanf": 0, "fgetc": 0, "getc": 0, "feof": 0, "rewind": 0,
    "readdir": 0, "closedir": 0, "pclose": 0, "putc": 1, "fileno": 0, "getline": 2,
}  # fmt: skip
"""Where they take an open file, which must not be null."""

READS_TEXT = {
    "strlen": (0,), "strcpy": (0, 1), "strncpy": (0, 1), "strcat": (0, 1), "strncat": (0, 1),
    "strcmp": (0, 1), "strncmp": (0, 1), "strcasecmp": (0, 1), "strncasecmp": (0, 1),
    "strchr": (0,), "strrchr": (0,), "strstr": (0, 1), "strdup": (0,), "atoi": (0,), "atol": (0,),
    "strtol": (0,), "strtoul": (0,), "memcpy": (0, 1), "memmove": (0, 1), "memset": (0,),
    "memcmp": (0, 1), "sprintf": (0,), "strtok": (1,), "puts": (0,), "fgets": (0,), "fread": (0,),
}  # fmt: skip
"""Where they take storage that must not be null."""

LETS_GO = frozenset(
    {
        "access", "assert", "atof", "close", "feof", "ferror", "fflush", "fgetc", "fileno",
        "fprintf", "fputc", "fputs", "fread", "fseek", "fstat", "ftell", "fwrite", "getc",
        "getline", "isalnum", "isalpha", "isdigit", "isspace", "memcmp", "perror", "printf",
        "putc", "putchar", "puts", "qsort", "rand", "readdir", "remove", "rewind", "send",
        "sendto", "sizeof", "sleep", "snprintf", "sprintf", "srand", "sscanf", "stat",
        "strcasecmp", "strchr", "strcmp", "strcspn", "strerror", "strftime", "strncasecmp",
        "strncmp", "strrchr", "strspn", "strstr", "strtod", "strtok", "strtok_r", "strtol",
        "strtoul", "syslog", "time", "tolower", "toupper", "unlink", "usleep", "vsnprintf",
        "wprintf", "write",
    }
)  # fmt: skip
"""They keep nothing of what they are given, and change no pointer of the program."""

WIRE_NUMBERS = {"ntohs": (1 << 16) - 1, "ntohl": (1 << 32) - 1}
ANY_LENGTH = Number(1, 1 << 31)
