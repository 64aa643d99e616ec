"""One door to all manifests: the file's name chooses the reader.

Guards that a broken manifest is told as such, and never taken for one without packages.
"""

from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

import msgspec

from kodo.base.text import repair_utf8
from kodo.scan.dependencies.manifests.names import REQUIREMENTS
from kodo.scan.dependencies.manifests.node import (
    read_package_lock,
    read_pnpm_lock,
    read_yarn_lock,
)
from kodo.scan.dependencies.manifests.others import (
    read_cargo_lock,
    read_conan_lock,
    read_conanfile,
    read_gemfile_lock,
    read_go_mod,
    read_go_sum,
    read_gradle_lock,
    read_pom,
    read_vcpkg,
)
from kodo.scan.dependencies.manifests.python import (
    read_lock_tables,
    read_pipfile_lock,
    read_requirements,
)
from kodo.scan.dependencies.package import Package

READERS: dict[str, Callable[[str], Iterator[Package]]] = {
    "poetry.lock": read_lock_tables,
    "uv.lock": read_lock_tables,
    "Pipfile.lock": read_pipfile_lock,
    "package-lock.json": read_package_lock,
    "npm-shrinkwrap.json": read_package_lock,
    "yarn.lock": read_yarn_lock,
    "pnpm-lock.yaml": read_pnpm_lock,
    "Cargo.lock": read_cargo_lock,
    "go.mod": read_go_mod,
    "go.sum": read_go_sum,
    "pom.xml": read_pom,
    "gradle.lockfile": read_gradle_lock,
    "buildscript-gradle.lockfile": read_gradle_lock,
    "Gemfile.lock": read_gemfile_lock,
    "gems.locked": read_gemfile_lock,
    "conan.lock": read_conan_lock,
    "conanfile.txt": read_conanfile,
    "vcpkg.json": read_vcpkg,
}


def read_packages(path: str, source: bytes) -> tuple[list[Package], str]:
    """Return the packages that a manifest pins, and why it could not be read ("" if it could)."""
    name = PurePosixPath(path).name
    reader = READERS.get(name) or (read_requirements if REQUIREMENTS.search(name) else None)
    if reader is None:
        return [], ""
    try:
        return list(reader(repair_utf8(source.removeprefix(b"\xef\xbb\xbf")))), ""
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        return [], f"{name} cannot be read: {error}"
