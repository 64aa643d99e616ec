"""Names of modules as JavaScript writes them, made dotted; files that a module may lie in.

Does not know syntax. Guards that a file of the repository is never taken for a package: its dotted
name begins with `~`, and a dot inside a file's name is written `:`.
"""

from pathlib import PurePosixPath

ENDINGS = (".js", ".ts", ".tsx", ".jsx", ".mjs", ".cjs", ".mts", ".cts")
_SCRIPTS = frozenset(ENDINGS)
ROOT = "~"
DEFAULT = "default"
"""The name under which a module's default export, or all of `module.exports`, is kept."""


def module_name(path: str) -> str:
    """Return the dotted name of a file: `src/user.service.ts` is `~.src.user:service`."""
    inner = path
    suffix = PurePosixPath(path).suffix
    if suffix in _SCRIPTS:
        inner = path[: -len(suffix)]
    parts = [part.replace(".", ":") for part in inner.split("/") if part not in ("", ".")]
    if len(parts) > 1 and parts[-1] == "index":
        parts.pop()
    return ".".join([ROOT, *parts])


def dotted_source(source: str, importer: str) -> str:
    """Return the dotted name of what `import ... from source` means in a file at `importer`.

    A relative one is a path from the root, `@/x` and `~/x` are taken for `src/x`.
    """
    if source.startswith((".", "/", "@/", "~/")):
        if source.startswith("."):
            folder = list(PurePosixPath(importer).parts[:-1])
        else:
            folder = ["src"] if source[0] in "@~" else []
            source = source.lstrip("@~")
        for part in source.split("/"):
            if part == "..":
                if folder:
                    folder.pop()
            elif part not in ("", "."):
                folder.append(part)
        return module_name("/".join(folder))
    return source.removeprefix("node:").lstrip("@").replace("/", ".")


def module_paths(name: str, _importer: str) -> list[str]:
    """Return the files, from the root, that a dotted name of the repository may mean."""
    if not name.startswith(f"{ROOT}."):
        return []
    inner = name[len(ROOT) + 1 :].replace(".", "/").replace(":", ".")
    return [f"{inner}{ending}" for ending in ENDINGS[:6]] + [
        f"{inner}/index.js",
        f"{inner}/index.ts",
    ]
