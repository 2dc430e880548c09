"""Images made elsewhere: what class a folder stands for, and what is said of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bench.datasets import DATASETS
from bench.errors import UsageError
from bench.evaluation.outside import inverted, read_outside
from bench.records import DataSpec

PICTURES = np.random.default_rng(0).integers(0, 256, (9, 8, 8), np.uint8)
SPEC = DataSpec(
    name="made", shape=(1, 8, 8), num_classes=10, class_prior=(0.1,) * 10, levels=256, digest=""
)
CLOTHES = DATASETS.get("fashion_mnist").classes


def folders(path: Path, *names: str) -> Path:
    for i, name in enumerate(names):
        (path / name).mkdir(parents=True)
        Image.fromarray(PICTURES[i]).save(path / name / "a.png")
    return path


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (("3", "7"), [3, 7]),
        (("03", "9", "0"), [0, 3, 9]),
        (("Ankle_boot", "bag", "T-shirt_top"), [9, 0, 8]),
    ],
)
def test_folder_is_the_class_of_its_number_or_name(
    tmp_path: Path, names: tuple[str, ...], labels: list[int]
) -> None:
    parts = read_outside(folders(tmp_path, *names), SPEC, CLOTHES)
    assert parts.train.labels is not None
    assert parts.train.labels.tolist() == labels
    assert parts.notes == (
        f"'{tmp_path}' has images of {len(names)} of 10 classes: "
        + ", ".join(map(str, sorted(labels))),
    )


@pytest.mark.parametrize(
    ("names", "classes", "sentence"),
    [
        (("3", "10"), (), r"class folder '10', 'made' has the classes 0\.\.9: rename it by its"),
        (("9" * 30, "0"), (), r"'made' has the classes 0\.\.9"),
        (("three", "seven"), (), r"class folder 'seven', 'made' has the classes 0\.\.9: rename it"),
        (("bag", "hat"), CLOTHES, "class folder 'hat', 'made' has the classes t-shirt/top, "),
        (("bag", "b-a-g"), CLOTHES, "has two folders of one class among b-a-g, bag: join them"),
        (("3", "bag"), CLOTHES, r"with numbers \(3\) and with words \(bag\)"),
    ],
)
def test_folder_that_is_no_class_of_the_data_set_is_refused(
    tmp_path: Path, names: tuple[str, ...], classes: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        read_outside(folders(tmp_path, *names), SPEC, classes)


def test_images_that_show_nothing_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.full((9, 8, 8), 255, np.uint8))
    with pytest.raises(UsageError, match="has the level 255 in every pixel"):
        read_outside(tmp_path / "a.npz", SPEC)


def test_negatives_are_said_and_other_means_are_not() -> None:
    dark = torch.full((4, 1, 8, 8), 40, dtype=torch.uint8)
    assert "the data set's 40: are the images inverted" in inverted(255 - dark.numpy(), dark)
    for level in (10, 90, 130):
        assert not inverted(np.full((4, 1, 8, 8), level, np.uint8), dark)
