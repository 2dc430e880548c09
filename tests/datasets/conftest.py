"""Small data sets made from digits, and a data folder of the test's own."""

from __future__ import annotations

import dataclasses
import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.datasets import DATASETS, DatasetSource, Published
from bench.datasets._splits import Arrays, Parts
from bench.datasets.digits import read


@pytest.fixture
def data_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "data"
    monkeypatch.setenv("BENCH_DATA", str(home))
    return home


@pytest.fixture
def parts() -> Parts:
    """200 + 50 digits."""
    digits = read().train
    return Parts(digits.take(np.arange(200)), digits.take(np.arange(200, 250)))


def idx_bytes(array: np.ndarray) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


@pytest.fixture
def write_idx() -> Callable[..., Path]:
    """Writes the four files of ``parts`` and gives their folder."""

    def write(folder: Path, parts: Parts, *, mark: str = "-", gz: bool = False) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        assert parts.test is not None
        for stem, part in (("train", parts.train), ("t10k", parts.test)):
            assert part.labels is not None
            for kind, array in (("images", part.images[:, 0]), ("labels", part.labels)):
                data = idx_bytes(array)
                name = f"{stem}-{kind}{mark}idx{array.ndim}-ubyte{'.gz' if gz else ''}"
                (folder / name).write_bytes(gzip.compress(data) if gz else data)
        return folder

    return write


@pytest.fixture
def add_source(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, DatasetSource], None]:
    """Registers a source for this test only."""
    DATASETS.names()

    def add(name: str, source: DatasetSource) -> None:
        monkeypatch.setitem(DATASETS._entries, name, source)

    return add


@pytest.fixture
def publish(add_source: Callable[[str, DatasetSource], None]) -> Callable[[str, Parts], None]:
    """Makes ``parts`` what the registered set is known to be, digest left open."""

    def change(name: str, parts: Parts) -> None:
        assert parts.test is not None
        facts = Published(
            shape=parts.train.images.shape[1:],
            num_train=len(parts.train),
            num_test=len(parts.test),
        )
        add_source(name, dataclasses.replace(DATASETS.get(name), published=facts))

    return change


def same(left: Arrays, right: Arrays) -> bool:
    """Whether images and labels agree exactly, dtypes included."""
    assert left.labels is not None
    assert right.labels is not None
    return (
        left.images.dtype == right.images.dtype
        and left.labels.dtype == right.labels.dtype
        and np.array_equal(left.images, right.images)
        and np.array_equal(left.labels, right.labels)
    )


@pytest.fixture
def same_arrays() -> Callable[[Arrays, Arrays], bool]:
    return same
