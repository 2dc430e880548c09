from __future__ import annotations

import dataclasses
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest

from bench import datasets
from bench.datasets import DATASETS, DatasetSource
from bench.datasets._install import install
from bench.datasets._splits import Arrays, Parts
from bench.errors import UsageError
from bench.files import data_home as current_home
from bench.torchvision_import import import_torchvision

AddSource = Callable[[str, DatasetSource], None]
DOWNLOADERS = {
    "mnist": "mnist.download_and_extract_archive",
    "fashion_mnist": "mnist.download_and_extract_archive",
    "svhn": "svhn.download_url",
    "cifar10": "utils.download_and_extract_archive",
}


@pytest.mark.parametrize("name", DOWNLOADERS)
def test_missing_set_without_network_is_one_sentence(
    name: str,
    data_home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    timeouts = []

    def fail(*_: object, **__: object) -> None:
        print("Downloading")
        timeouts.append(socket.getdefaulttimeout())
        raise URLError("no route to host")

    import_torchvision()
    monkeypatch.setattr(f"torchvision.datasets.{DOWNLOADERS[name]}", fail)
    start = time.perf_counter()
    with pytest.raises(UsageError) as error:
        datasets.load(name)
    assert time.perf_counter() - start < 2
    remedy = f"run 'bench data fetch {name}' on a machine with a network, or "
    assert str(error.value).startswith(
        f"data set '{name}' is not installed in {data_home} and its download failed "
        f"(no route to host): {remedy}"
    )
    other = f"bench data import {name} DIR" if DATASETS.get(name).from_idx else "npz:PATH"
    assert other in str(error.value)
    assert "\n" not in str(error.value)
    assert set(timeouts) == {10.0}
    assert socket.getdefaulttimeout() is None
    assert capsys.readouterr() == ("", "")
    assert [entry.name for entry in data_home.iterdir()] == [f".{name}.lock"]


@dataclasses.dataclass
class Download:
    """A download that works and counts its calls."""

    parts: Parts
    calls: int = 0

    def __call__(self, folder: Path) -> Parts:
        assert list(folder.iterdir()) == []
        (folder / "archive").touch()
        self.calls += 1
        time.sleep(0.05)
        return self.parts


@pytest.fixture
def download(data_home: Path, parts: Parts, add_source: AddSource) -> Download:
    download = Download(parts)
    add_source("mine", DatasetSource(summary="digits from afar", download=download))
    return download


def test_set_is_downloaded_once_and_then_read(
    download: Download, data_home: Path, same_arrays: Callable[[Arrays, Arrays], bool]
) -> None:
    (data_home / ".mine.download").mkdir(parents=True)
    (data_home / ".mine.download" / "left by a killed process").touch()
    first, second = datasets.load("mine"), datasets.load("mine")
    assert datasets.fetch("mine") == data_home / "mine.npz"
    assert download.calls == 1
    assert first.spec == second.spec
    assert download.parts.test is not None
    assert same_arrays(second.test, download.parts.test)
    assert {entry.name for entry in data_home.iterdir()} <= {"mine.npz", ".mine.lock"}


def test_processes_that_fetch_together_download_once(download: Download) -> None:
    threads = [threading.Thread(target=datasets.load, args=["mine"]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert download.calls == 1


def test_set_without_labels_or_test_part_is_installed_too(download: Download, parts: Parts) -> None:
    download.parts = Parts(Arrays(parts.train.images))
    splits = datasets.load("mine")
    assert splits.spec.num_classes == 0
    assert len(splits.test) == 20
    assert datasets.verify("mine").ok


def test_installed_file_can_be_read_as_npz(download: Download) -> None:
    path = datasets.fetch("mine")
    assert datasets.load(f"npz:{path}").spec.digest == datasets.load("mine").spec.digest


def flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5_000])


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [flip_a_byte, truncate, empty])
@pytest.mark.parametrize("use", [datasets.load, datasets.verify])
def test_damaged_file_is_one_sentence_and_fetch_repairs_it(
    download: Download, damage: Callable[[Path], None], use: Callable[[str], object]
) -> None:
    damage(datasets.fetch("mine"))
    with pytest.raises(
        UsageError, match=r"mine.npz' cannot be read .*: run 'bench data fetch mine'"
    ):
        use("mine")
    datasets.fetch("mine")
    assert download.calls == 2
    use("mine")


def test_file_of_another_origin_is_refused(download: Download) -> None:
    np.savez(datasets.fetch("mine"), x=download.parts.train.images)
    with pytest.raises(UsageError, match=r"mine.npz' has the keys x, expected .*: run 'bench data"):
        datasets.load("mine")


def test_verify_tells_changed_images_from_the_installed_ones(download: Download) -> None:
    path = datasets.fetch("mine")
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays["x_train"][0, 0, 0, 0] ^= 1
    np.savez(path, **arrays)
    verdict = datasets.verify("mine")
    assert not verdict.ok
    assert verdict.sentence == (
        f"mine has digest {verdict.digest}, at installation {arrays['digest']}: {verdict.remedy}"
    )


def test_verify_tells_other_images_from_the_published_ones(data_home: Path, parts: Parts) -> None:
    data_home.mkdir()
    install("mnist", parts)
    verdict = datasets.verify("mnist")
    assert not verdict.ok
    assert f"has digest {verdict.digest}, as published 4142535bc9e8b9de: run" in verdict.sentence


def test_verify_of_a_missing_set_does_not_download(download: Download, data_home: Path) -> None:
    sentence = f"data set 'mine' is not installed, expected {data_home / 'mine.npz'}: run"
    with pytest.raises(UsageError, match=sentence):
        datasets.verify("mine")
    assert download.calls == 0


def test_status_follows_the_installation(download: Download, data_home: Path) -> None:
    def row() -> datasets.DatasetStatus:
        return next(row for row in datasets.status() if row.name == "mine")

    assert (row().installed, row().num_bytes) == (False, 0)
    path = datasets.fetch("mine")
    assert (row().installed, row().num_bytes) == (True, path.stat().st_size)
    assert row().path == path
    assert row().sizes is None


def test_embedded_set_has_nothing_to_fetch() -> None:
    with pytest.raises(
        UsageError, match=r"'digits' has no download, expected one of cifar10, .* svhn: use"
    ):
        datasets.fetch("digits")


def test_data_folder_that_cannot_be_written_is_one_sentence(
    download: Download, data_home: Path
) -> None:
    data_home.write_text("a file where the folder should be")
    with pytest.raises(
        UsageError, match=r"data' cannot be written \(.*\): free space .* BENCH_DATA"
    ):
        datasets.load("mine")


def test_failed_write_leaves_the_old_file(
    download: Download, data_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = datasets.fetch("mine")
    before = path.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(UsageError, match=r"cannot be written \(No space left on device\)"):
        install("mine", download.parts)
    assert path.read_bytes() == before
    assert list(data_home.rglob("*.partial")) == []


def test_data_folder_is_bench_data_or_the_users_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("BENCH_DATA", "~/images")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert current_home() == tmp_path / "images"
    monkeypatch.delenv("BENCH_DATA")
    assert current_home() == tmp_path / "xdg" / "bench"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert current_home() == tmp_path / ".cache" / "bench"
