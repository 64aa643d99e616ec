"""An offline export of OSV: a zip or a folder of JSON advisories, read for the packages at hand.

Follows the OSV schema 1.6. Knows no manifest. Guards that an export of hundreds of thousands of
advisories is never held in memory, and that a broken one is named.
"""

import re
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from kodo.base.errors import ConfigError

_NAME = re.compile(rb'"name"\s*:\s*"((?:[^"\\]|\\.)*)"')
MAX_ADVISORY_BYTES = 16 << 20

RangeType = Literal["SEMVER", "ECOSYSTEM", "GIT"]


class Event(msgspec.Struct, frozen=True):
    """A point where a range begins or ends; exactly one field is set."""

    introduced: str = ""
    fixed: str = ""
    last_affected: str = ""
    limit: str = ""


class Range(msgspec.Struct, frozen=True):
    """Versions between events. GIT ranges name commits and are not used here."""

    type: str = ""
    events: tuple[Event, ...] = ()


class AffectedPackage(msgspec.Struct, frozen=True):
    """Whose package is affected."""

    ecosystem: str = ""
    name: str = ""


class Affected(msgspec.Struct, frozen=True):
    """The affected versions of one package: listed ones, and ranges."""

    package: AffectedPackage | None = None
    ranges: tuple[Range, ...] = ()
    versions: tuple[str, ...] = ()


class Score(msgspec.Struct, frozen=True):
    """A severity: `type` CVSS_V3 or CVSS_V4, `score` its vector."""

    type: str = ""
    score: str = ""


class DatabaseSpecific(msgspec.Struct, frozen=True):
    """What the GitHub database adds."""

    severity: str | None = None
    cwe_ids: tuple[str, ...] | None = None


class Advisory(msgspec.Struct, frozen=True):
    """One advisory, as far as it is used. `withdrawn` is a date where it no longer holds."""

    id: str
    summary: str = ""
    details: str = ""
    aliases: tuple[str, ...] | None = None
    withdrawn: str = ""
    affected: tuple[Affected, ...] | None = None
    severity: tuple[Score, ...] | None = None
    database_specific: DatabaseSpecific | None = None


def read_advisories(export: Path, names: Collection[str]) -> Iterator[Advisory]:
    """Yield the advisories that name one of the packages; withdrawn ones are left out.

    Only those are decoded: the rest is passed over by its bytes. Raises ConfigError where the
    export cannot be read, or holds no advisory at all.
    """
    wanted = {name.encode() for name in names}
    wanted |= {name.lower() for name in wanted}
    decoder = msgspec.json.Decoder(Advisory)
    seen = 0
    for place, data in _documents(export):
        seen += 1
        found = {match[1] for match in _NAME.finditer(data)}
        if wanted.isdisjoint(found) and wanted.isdisjoint({_folded(name) for name in found}):
            continue
        try:
            advisory = decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{place} is not an OSV advisory: {error}") from error
        if not advisory.withdrawn:
            yield advisory
    if not seen:
        raise ConfigError(
            f"{str(export)!r} holds no OSV advisory; it must be a zip or a folder of JSON files, "
            "as osv.dev exports them"
        )


def _folded(name: bytes) -> bytes:
    return re.sub(rb"[-_.]+", b"-", name).lower()


def _documents(export: Path) -> Iterator[tuple[str, bytes]]:
    """Yield (place, bytes) of every JSON file of an export, nested zips included."""
    try:
        if export.is_dir():
            for path in sorted(export.rglob("*")):
                if path.suffix == ".json" and path.stat().st_size <= MAX_ADVISORY_BYTES:
                    yield str(path), path.read_bytes()
                elif path.suffix == ".zip":
                    yield from _zipped(path)
        elif export.is_file():
            yield from _zipped(export)
        else:
            raise ConfigError(f"there is no OSV export {str(export)!r}; give a zip or a folder")
    except (OSError, zipfile.BadZipFile) as error:
        raise ConfigError(f"cannot read the OSV export {str(export)!r}: {error}") from error


def _zipped(path: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        for item in archive.infolist():
            if item.filename.endswith(".json") and item.file_size <= MAX_ADVISORY_BYTES:
                yield f"{path}:{item.filename}", archive.read(item)
