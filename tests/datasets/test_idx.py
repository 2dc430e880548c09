from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench import datasets
from bench.datasets import DATASETS
from bench.datasets._idx import read_idx
from bench.datasets._splits import Arrays, Parts
from bench.errors import UsageError

WriteIdx = Callable[..., Path]


@pytest.mark.parametrize("gz", [False, True])
@pytest.mark.parametrize("mark", ["-", "."])
def test_four_files_read_back_as_written(
    tmp_path: Path,
    parts: Parts,
    write_idx: WriteIdx,
    same_arrays: Callable[[Arrays, Arrays], bool],
    mark: str,
    gz: bool,
) -> None:
    found = read_idx(write_idx(tmp_path, parts, mark=mark, gz=gz))
    assert found.test is not None
    assert parts.test is not None
    assert same_arrays(found.train, parts.train)
    assert same_arrays(found.test, parts.test)


def test_a_plain_file_may_be_called_gz(tmp_path: Path, parts: Parts, write_idx: WriteIdx) -> None:
    folder = write_idx(tmp_path, parts)
    (folder / "t10k-labels-idx1-ubyte").rename(folder / "t10k-labels-idx1-ubyte.gz")
    assert len(read_idx(folder).present()) == 2


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def cut_header(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:9])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def truncate_gzip(path: Path) -> None:
    path.write_bytes(gzip.compress(path.read_bytes())[:-20])


def damage_gzip(path: Path) -> None:
    data = bytearray(gzip.compress(path.read_bytes()))
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))


def wrong_magic(path: Path) -> None:
    path.write_bytes(bytes([0, 0, 13, 3]) + path.read_bytes()[4:])


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (truncate, "holds 12815 bytes, expected 12816 for its 200x8x8 header: download"),
        (lengthen, "holds more than 12816 bytes, expected 12816 for its 200x8x8 header: download"),
        (cut_header, "holds 9 bytes, expected 16 for its 200x0x0 header: download"),
        (empty, r"begins with the bytes '', expected '00000803'"),
        (truncate_gzip, r"cannot be read \(.*end-of-stream.*\), expected a whole file: download"),
        (damage_gzip, r"cannot be read \(.*\), expected a whole file: download"),
        (wrong_magic, r"begins with the bytes '00000d03', expected '00000803'"),
        (Path.unlink, r"has no train-images-idx3-ubyte nor train-images-idx3-ubyte\.gz: put"),
    ],
)
def test_damaged_file_is_named_in_one_sentence(
    tmp_path: Path,
    parts: Parts,
    write_idx: WriteIdx,
    damage: Callable[[Path], None],
    sentence: str,
) -> None:
    folder = write_idx(tmp_path, parts)
    damage(folder / "train-images-idx3-ubyte")
    with pytest.raises(UsageError, match=sentence) as error:
        read_idx(folder)
    assert "train-images" in str(error.value)
    assert "\n" not in str(error.value)


def test_images_and_labels_must_be_as_many(
    tmp_path: Path, parts: Parts, write_idx: WriteIdx
) -> None:
    folder = write_idx(tmp_path, parts)
    fewer = write_idx(tmp_path / "fewer", Parts(parts.train.take(np.arange(60)), parts.test))
    (fewer / "train-labels-idx1-ubyte").replace(folder / "train-labels-idx1-ubyte")
    with pytest.raises(
        UsageError, match=r"holds 200 images and train-labels-.* 60 labels, expected"
    ):
        read_idx(folder)


def test_labels_must_lie_in_0_to_9(tmp_path: Path, parts: Parts, write_idx: WriteIdx) -> None:
    assert parts.train.labels is not None
    parts.train.labels[7] = 12
    folder = write_idx(tmp_path, parts)
    with pytest.raises(
        UsageError, match=r"train-labels.*: label 7 is 12, expected 0\.\.9: download"
    ):
        read_idx(folder)


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere' is no folder: give the folder"):
        read_idx(tmp_path / "nowhere")


def test_imported_set_loads_and_verifies(
    tmp_path: Path,
    data_home: Path,
    parts: Parts,
    write_idx: WriteIdx,
    publish: Callable[[str, Parts], None],
    same_arrays: Callable[[Arrays, Arrays], bool],
) -> None:
    publish("fashion_mnist", parts)
    path = datasets.import_idx("fashion_mnist", write_idx(tmp_path / "idx", parts, gz=True))
    assert path == data_home / "fashion_mnist.npz"
    assert parts.test is not None
    assert same_arrays(datasets.load("fashion_mnist").test, parts.test)
    verdict = datasets.verify("fashion_mnist")
    assert verdict.ok
    assert verdict.stored == verdict.digest
    assert "the same at installation" in verdict.sentence


def test_files_of_another_size_are_refused(
    tmp_path: Path, data_home: Path, parts: Parts, write_idx: WriteIdx
) -> None:
    sentence = r"holds 200 \+ 50 images 1x8x8, expected 60000 \+ 10000 images 1x28x28"
    with pytest.raises(UsageError, match=f"{sentence} for 'fashion_mnist': run 'bench data fetch"):
        datasets.import_idx("fashion_mnist", write_idx(tmp_path / "idx", parts))
    assert not (data_home / "fashion_mnist.npz").exists()


def test_other_images_than_the_published_are_refused(
    tmp_path: Path, data_home: Path, parts: Parts, write_idx: WriteIdx
) -> None:
    images = np.zeros((60_000, 1, 28, 28), np.uint8)
    labels = np.arange(60_000, dtype=np.int64) % 10
    n = 10_000
    fake = Parts(Arrays(images, labels), Arrays(images[:n], labels[:n]))
    with pytest.raises(
        UsageError, match=r"with digest .* with digest 4142535bc9e8b9de for 'mnist'"
    ):
        datasets.import_idx("mnist", write_idx(tmp_path / "idx", fake))
    assert not (data_home / "mnist.npz").exists()


def test_set_that_has_no_idx_files_names_those_that_have() -> None:
    able = ", ".join(name for name, source in DATASETS.items() if source.from_idx)
    assert able == "fashion_mnist, mnist"
    with pytest.raises(UsageError, match=f"'svhn' cannot be imported .* one of {able}: run"):
        datasets.import_idx("svhn", Path())
    with pytest.raises(UsageError, match=f"'digits' cannot be imported .* one of {able}"):
        datasets.import_idx("digits", Path())


def test_packed_file_that_claims_more_than_the_machine_holds_is_not_unpacked(
    tmp_path: Path, parts: Parts, write_idx: WriteIdx
) -> None:
    folder = write_idx(tmp_path, parts, gz=True)
    claim = bytes([0, 0, 8, 3]) + b"\xff" * 12
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(claim + bytes(10**7)))
    with pytest.raises(UsageError, match="would need 79,228,162,458,924 PB of memory"):
        read_idx(folder)
