"""Samples as files: what is written is what is read again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bench.datasets import load
from bench.errors import UsageError
from bench.evaluation.outside import read_outside
from bench.evaluation.saved import MOST_IN_A_GRID, is_grid, require_place, save_samples
from bench.records import DataSpec


def drawn(channels: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    images = torch.from_numpy(rng.integers(0, 256, (40, channels, 8, 8), np.uint8))
    return images, torch.from_numpy(rng.permutation(np.arange(40) % 4))


def spec(channels: int, num_classes: int) -> DataSpec:
    prior = (1 / num_classes,) * num_classes if num_classes else ()
    shape = (channels, 8, 8)
    return DataSpec(
        name="made", shape=shape, num_classes=num_classes, class_prior=prior, levels=256, digest=""
    )


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("place", ["samples.npz", "new/samples", "new/samples.npz"])
def test_images_come_back_as_they_were(place: str, channels: int) -> None:
    images, _ = drawn(channels)
    save_samples(Path(place), images)
    found = read_outside(Path(place), spec(channels, 0)).train
    assert found.labels is None
    np.testing.assert_array_equal(found.images, images.numpy())


def test_array_keeps_labels_in_the_order_of_the_images() -> None:
    images, labels = drawn(1)
    save_samples(Path("samples.npz"), images, labels)
    found = read_outside(Path("samples.npz"), spec(1, 4)).train
    np.testing.assert_array_equal(found.images, images.numpy())
    np.testing.assert_array_equal(found.labels, labels.numpy())


def test_folder_has_one_folder_for_each_class_in_the_order_of_the_images() -> None:
    images, labels = drawn(3)
    save_samples(Path("samples"), images, labels)
    found = read_outside(Path("samples"), spec(3, 4)).train
    order = np.argsort(labels.numpy(), kind="stable")
    np.testing.assert_array_equal(found.labels, labels.numpy()[order])
    np.testing.assert_array_equal(found.images, images.numpy()[order])


def test_what_is_written_is_a_data_set_too() -> None:
    images, labels = drawn(1)
    save_samples(Path("folder"), images, labels)
    save_samples(Path("file.npz"), images, labels)
    for name in ("folder:folder", "npz:file.npz"):
        assert load(name).spec.num_classes == 4


def test_same_samples_have_the_same_bytes() -> None:
    for name in ("a.npz", "b.npz"):
        save_samples(Path(name), *drawn(1))
    assert Path("a.npz").read_bytes() == Path("b.npz").read_bytes()


def test_empty_folder_is_filled_and_leaves_nothing_beside_it() -> None:
    Path("out").mkdir()
    save_samples(Path("out"), drawn(1)[0])
    assert len(list(Path("out").glob("*.png"))) == 40
    assert [path.name for path in Path().iterdir()] == ["out"]


def test_folder_that_cannot_be_finished_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = iter(range(40))
    write = Path.write_bytes

    def fails(path: Path, content: bytes) -> int:
        if next(calls) == 20:
            raise OSError(28, "No space left on device", str(path))
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", fails)
    with pytest.raises(OSError, match="No space"):
        save_samples(Path("out"), drawn(1)[0])
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("place", "count", "sentence"),
    [
        (
            "a.jpg",
            4,
            r"^'a\.jpg' ends in \.jpg, expected a grid in one \.png, arrays in an \.npz, or a",
        ),
        ("a.pt", 4, r"^'a\.pt' ends in \.pt, expected"),
        (
            "a.png",
            MOST_IN_A_GRID + 1,
            r"^a grid shows at most 10,000 images, got -n 10001: write an",
        ),
        ("full", 4, r"^folder 'full' holds files already, expected a new or an empty one: "),
        ("file", 4, r"^'file' is a file, expected a new folder: give another one with -o$"),
    ],
)
def test_place_where_they_could_not_lie_is_refused(place: str, count: int, sentence: str) -> None:
    Path("full").mkdir()
    (Path("full") / "a.txt").touch()
    Path("file").touch()
    with pytest.raises(UsageError, match=sentence):
        require_place(Path(place), count)


def test_place_that_is_named_well_is_taken() -> None:
    Path("empty").mkdir()
    for place in ("a.png", "a.PNG", "a.npz", "new", "new/deeper", "empty"):
        require_place(Path(place), MOST_IN_A_GRID)
    assert [is_grid(Path(p)) for p in ("a.png", "a.PNG", "a.npz", "a")] == [
        True,
        True,
        False,
        False,
    ]
