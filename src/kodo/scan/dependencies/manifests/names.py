"""Which file names are manifests. Imports no reader, because every walk asks."""

import re
from pathlib import PurePosixPath

NAMES = frozenset(
    (
        *("poetry.lock", "uv.lock", "Pipfile.lock", "package-lock.json", "npm-shrinkwrap.json"),
        *("yarn.lock", "pnpm-lock.yaml", "Cargo.lock", "go.mod", "go.sum", "pom.xml"),
        *("gradle.lockfile", "buildscript-gradle.lockfile", "Gemfile.lock", "gems.locked"),
        *("conan.lock", "conanfile.txt", "vcpkg.json"),
    )
)
REQUIREMENTS = re.compile(r"(?:^|[\-_.])(?:requirements|constraints)[\w.\-]*\.(?:txt|in|lock)$")


def is_manifest(path: str) -> bool:
    """Tell whether a file, by its name, says which packages a project depends on."""
    name = PurePosixPath(path).name
    return name in NAMES or REQUIREMENTS.search(name) is not None
