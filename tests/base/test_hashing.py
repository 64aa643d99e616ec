"""Names from content, and ids that sort by time."""

import hashlib
from pathlib import Path

from kodo.base.hashing import file_sha256, new_id, sha256_hex


def test_a_file_and_its_bytes_have_the_same_name(tmp_path: Path) -> None:
    data = b"x" * (1 << 20) + b"\x00\xff"
    (tmp_path / "file").write_bytes(data)
    assert file_sha256(tmp_path / "file") == sha256_hex(data) == hashlib.sha256(data).hexdigest()


def test_ids_are_distinct_and_hold_the_time() -> None:
    ids = [new_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert {len(name) for name in ids} == {26}
    assert set("".join(ids)) <= set("0123456789abcdefghjkmnpqrstvwxyz")
    times = [name[:10] for name in ids]
    assert times == sorted(times)
