"""Images of files are read once and lie in one file of the data folder, whole or not at all."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench import datasets
from bench.datasets import Splits, _npz, _packed, _remembered, _room
from bench.datasets._splits import Arrays, Parts
from bench.errors import UsageError

RNG = np.random.default_rng(0)
X, Y = RNG.integers(0, 256, (100, 5, 6), np.uint8), np.arange(100) % 4
SPLITS = ("train", "val", "test")


@pytest.fixture(autouse=True)
def settled(data_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files are known again at once; gives the folder of packed images."""
    monkeypatch.setattr(_remembered, "SETTLED_SECONDS", -3600)
    return data_home / "images"


@pytest.fixture
def name(tmp_path: Path) -> str:
    return put(tmp_path / "x.npz", x=X, y=Y)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The npz files that were read."""
    found: list[Path] = []

    def read(path: Path, _: object) -> Parts:
        found.append(path)
        return _npz.read_npz(path)

    monkeypatch.setitem(datasets._READERS, "npz", read)
    return found


def put(path: Path, **arrays: Any) -> str:
    np.savez(path, **arrays)
    return f"npz:{path}"


def bytes_of(splits: Splits) -> list[bytes | None]:
    parts = [getattr(splits, split) for split in SPLITS]
    return [v if v is None else v.tobytes() for p in parts for v in (p.images, p.labels)]


def test_the_second_process_reads_no_image_and_sees_the_same(name: str, reads: list[Path]) -> None:
    first, second = datasets.load(name), datasets.load(name)
    assert len(reads) == 1
    assert (first.spec, first.notes, first.classes) == (second.spec, second.notes, second.classes)
    assert bytes_of(first) == bytes_of(second)
    assert first.packed is not None
    assert second.packed is not None
    assert second.packed.fits
    assert second.train.images.flags.writeable  # and still no file changes
    second.train.images[:] = 0
    assert bytes_of(datasets.load(name)) == bytes_of(first)


def test_packed_splits_are_those_in_memory(
    name: str, settled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = datasets.load(name)
    monkeypatch.setattr(_remembered, "SETTLED_SECONDS", 3600)
    memory = datasets.load(name)
    assert (packed.packed is None, memory.packed is None) == (False, True)
    assert memory.spec == packed.spec
    assert bytes_of(memory) == bytes_of(packed)
    assert [file.name for file in settled.iterdir()] == [f"{packed.spec.digest}.u8"]


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[7] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(0, 0))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("damage", [flip, cut, Path.unlink])
def test_a_damaged_file_is_made_again(
    name: str, settled: Path, reads: list[Path], damage: Callable[[Path], None]
) -> None:
    first = datasets.load(name)
    expected = bytes_of(first)
    damage(settled / f"{first.spec.digest}.u8")
    assert bytes_of(datasets.load(name)) == expected
    assert bytes_of(datasets.load(name)) == expected
    assert len(reads) == 2


def test_a_file_with_another_time_is_looked_through_once(
    name: str, settled: Path, reads: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = datasets.load(name)
    os.utime(settled / f"{first.spec.digest}.u8", ns=(0, 0))
    assert bytes_of(datasets.load(name)) == bytes_of(first)
    monkeypatch.setattr(datasets, "digest_of", None)
    assert bytes_of(datasets.load(name)) == bytes_of(first)
    assert len(reads) == 1


def test_images_that_no_name_knows_any_more_are_removed(tmp_path: Path, settled: Path) -> None:
    put(tmp_path / "x.npz", x=X, y=Y)
    put(tmp_path / "y.npz", x=X, y=Y)
    both = {datasets.load(f"npz:{tmp_path / file}").spec.digest for file in ("x.npz", "y.npz")}
    assert len(both) == 1
    digests = []
    for file in ("x.npz", "y.npz"):
        put(tmp_path / file, x=X[::-1], y=Y)
        digests.append(datasets.load(f"npz:{tmp_path / file}").spec.digest)
        left = {path.stem for path in settled.iterdir()}
        assert left == ({*both, *digests} if file == "x.npz" else set(digests))


def test_what_a_killed_process_left_half_written_is_removed(name: str, settled: Path) -> None:
    settled.mkdir(parents=True)
    half = settled / f".x.u8.{2**22 + 1}.partial"
    half.touch()
    datasets.load(name)
    assert not half.exists()


def test_a_data_folder_that_cannot_be_written_keeps_nothing(
    name: str, settled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = bytes_of(datasets.load(name))
    monkeypatch.setenv("BENCH_DATA", f"{settled.parent}/known/none.json/x")
    for file in (settled.parent / "known").iterdir():
        file.rename(settled.parent / "known" / "none.json")
    splits = datasets.load(name)
    assert splits.packed is None
    assert bytes_of(splits) == expected


def test_processes_that_begin_together_read_once(name: str, reads: list[Path]) -> None:
    threads = [threading.Thread(target=datasets.load, args=(name,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reads) == 1


@pytest.mark.parametrize(
    "x", [X, np.asfortranarray(X), X[..., None], np.repeat(X[..., None], 3, 3), X[:, None]]
)
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_images_too_large_for_memory_are_read_by_way_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, x: np.ndarray, save: Callable[..., None]
) -> None:
    save(tmp_path / "x.npz", x=x, y=Y)
    in_memory = _npz.read_npz(tmp_path / "x.npz").train
    expected = bytes_of(datasets.load(f"npz:{tmp_path / 'x.npz'}"))
    monkeypatch.setattr(_room, "FEW_BYTES", 0)
    monkeypatch.setattr(_npz, "FEW_BYTES", 0)
    monkeypatch.setattr("bench.datasets._splits.host_memory", lambda: 1_000)
    monkeypatch.setattr("bench.datasets._packed.host_memory", lambda: 1_000)
    monkeypatch.setattr("bench.datasets._splits.BLOCK_BYTES", 100)
    on_disk = _npz.read_npz(tmp_path / "x.npz").train
    np.testing.assert_array_equal(on_disk.images, in_memory.images)
    os.utime(tmp_path / "x.npz", ns=(0, 0))
    splits = datasets.load(f"npz:{tmp_path / 'x.npz'}")
    assert splits.packed is not None
    assert not splits.packed.fits
    assert not splits.train.images.flags.writeable
    assert bytes_of(splits) == expected


def test_images_that_no_disk_can_hold_are_refused_before_they_are_read(
    name: str, data_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_room, "FEW_BYTES", 0)
    monkeypatch.setattr(_room.shutil, "disk_usage", lambda _: SimpleNamespace(free=5_000))
    sentence = r"would need 6 kB in the data folder '.*', 5 kB are free: free space there or set"
    with pytest.raises(UsageError, match=sentence):
        datasets.load(name)


def test_unlabelled_images_of_odd_size_are_packed(tmp_path: Path) -> None:
    name = put(tmp_path / "x.npz", x=X[:33, :, :5])
    first, second = datasets.load(name), datasets.load(name)
    assert bytes_of(first) == bytes_of(second)
    assert second.train.labels is None
    assert isinstance(second.test, Arrays)
    assert second.packed is not None
    assert _packed.packed_path(second.spec.digest).stat().st_size == -(-33 * 25 // 8) * 8
