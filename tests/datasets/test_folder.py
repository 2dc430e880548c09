from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench import datasets
from bench.datasets._folder import read_folder
from bench.errors import UsageError

RGB = np.random.default_rng(0).integers(0, 256, (40, 5, 6, 3), np.uint8)


def fill(
    folder: Path, pictures: np.ndarray, *, suffix: str = "png", mode: str | None = None
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for i, picture in enumerate(pictures):
        Image.fromarray(picture).convert(mode).save(folder / f"{i:03d}.{suffix}", lossless=True)
    return folder


def test_flat_folder_has_no_labels_and_is_split_by_us(tmp_path: Path) -> None:
    splits = datasets.load(f"folder:{fill(tmp_path, RGB)}")
    assert [len(part) for part in (splits.train, splits.val, splits.test)] == [32, 4, 4]
    assert splits.spec.shape == (3, 5, 6)
    assert splits.spec.num_classes == 0
    found = [image.tobytes() for p in (splits.train, splits.val, splits.test) for image in p.images]
    assert sorted(found) == sorted(image.tobytes() for image in RGB.transpose(0, 3, 1, 2))


def test_one_subfolder_per_class_gives_labels_in_name_order(tmp_path: Path) -> None:
    fill(tmp_path / "cat", RGB[:30])
    fill(tmp_path / "ant", RGB[30:])
    splits = datasets.load(f"folder:{tmp_path}")
    assert splits.spec.class_prior == (0.25, 0.75)
    assert splits.test.labels is not None
    assert splits.test.labels.tolist() == [0, 1, 1, 1]


def test_train_and_test_folders_are_kept_apart(tmp_path: Path) -> None:
    for part, pictures in (("train", RGB[:32]), ("test", RGB[32:])):
        fill(tmp_path / part / "a", pictures[::2])
        fill(tmp_path / part / "b", pictures[1::2])
    splits = datasets.load(f"folder:{tmp_path}")
    assert [len(part) for part in (splits.train, splits.val, splits.test)] == [29, 3, 8]
    expected = np.concatenate([RGB[32::2], RGB[33::2]]).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(splits.test.images, expected)
    assert splits.test.labels is not None
    assert splits.test.labels.tolist() == [0] * 4 + [1] * 4


def test_train_and_test_may_be_flat(tmp_path: Path) -> None:
    fill(tmp_path / "train", RGB[:32])
    fill(tmp_path / "test", RGB[32:])
    splits = datasets.load(f"folder:{tmp_path}")
    assert splits.test.labels is None
    assert len(splits.test) == 8


@pytest.mark.parametrize("mode", ["L", "RGB", "LA"])
def test_gray_pictures_have_one_channel_however_they_are_stored(tmp_path: Path, mode: str) -> None:
    gray = RGB[..., 0]
    splits = datasets.load(f"folder:{fill(tmp_path, gray, mode=mode)}")
    assert splits.spec.shape == (1, 5, 6)
    assert splits.test.images[0, 0].tobytes() in {image.tobytes() for image in gray}


def test_one_coloured_picture_makes_all_rgb(tmp_path: Path) -> None:
    fill(tmp_path, RGB[..., 0])
    Image.fromarray(RGB[7]).save(tmp_path / "007.png")
    expected = np.repeat(RGB[:, None, ..., 0], 3, axis=1)
    expected[7] = RGB[7].transpose(2, 0, 1)
    np.testing.assert_array_equal(read_folder(tmp_path).train.images, expected)


@pytest.mark.parametrize("suffix", ["png", "jpg", "JPEG", "bmp", "webp"])
def test_every_format_is_read(tmp_path: Path, suffix: str) -> None:
    splits = datasets.load(f"folder:{fill(tmp_path, RGB, suffix=suffix)}")
    assert len(splits.train) == 32


def test_formats_without_loss_give_one_digest(tmp_path: Path) -> None:
    folders = [fill(tmp_path / suffix, RGB, suffix=suffix) for suffix in ("png", "bmp", "webp")]
    assert len({datasets.load(f"folder:{folder}").spec.digest for folder in folders}) == 1


def test_hidden_and_other_files_are_ignored(tmp_path: Path) -> None:
    fill(tmp_path, RGB)
    (tmp_path / "._000.png").write_text("a resource fork")
    (tmp_path / "README.txt").write_text("not a picture")
    (tmp_path / ".cache").mkdir()
    assert len(datasets.load(f"folder:{tmp_path}").train) == 32


def no_folder(folder: Path) -> None:
    folder.rmdir()


def no_pictures(folder: Path) -> None:
    (folder / "notes.txt").touch()


def other_size(folder: Path) -> None:
    fill(folder, RGB)
    Image.fromarray(RGB[0, :4]).save(folder / "012.png")


def broken(folder: Path) -> None:
    fill(folder, RGB)
    (folder / "012.png").write_text("not a picture")


def truncated(folder: Path) -> None:
    fill(folder, RGB)
    data = (folder / "012.png").read_bytes()
    (folder / "012.png").write_bytes(data[: len(data) // 2])


def mixed(folder: Path) -> None:
    fill(fill(folder, RGB) / "cat", RGB)


def empty_class(folder: Path) -> None:
    fill(folder / "cat", RGB)
    (folder / "dog").mkdir()


def no_test(folder: Path) -> None:
    fill(folder / "train" / "cat", RGB)


def own_validation(folder: Path) -> None:
    for part in ("train", "test", "val"):
        fill(folder / part, RGB)


def other_classes(folder: Path) -> None:
    fill(folder / "train" / "cat", RGB)
    fill(folder / "train" / "dog", RGB)
    fill(folder / "test" / "cat", RGB)


def too_small(folder: Path) -> None:
    fill(folder, RGB[:, :3])


def too_few(folder: Path) -> None:
    fill(folder, RGB[:29])


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (no_folder, "pictures' is no folder: give folder:PATH with the path of a folder"),
        (no_pictures, r"holds no pictures, expected files ending in \.bmp .* \.webp: add some"),
        (other_size, "012.png' is 4x6 pixels, expected 5x6 as '000.png': resize all pictures"),
        (broken, r"012.png' cannot be read \(UnidentifiedImageError\), expected a whole picture"),
        (truncated, r"012.png' cannot be read \(.*\), expected a whole picture: remove"),
        (mixed, r"holds pictures \(000.png\) beside subfolders \(cat\), expected one"),
        (empty_class, "dog' holds no pictures, expected files"),
        (no_test, "has the subfolders train, expected train and test and no other"),
        (own_validation, r"has the subfolders test, train, val, expected .* carved from train"),
        (other_classes, "has the class folder 'dog' in only one of train and test"),
        (too_small, "has images of 3x6 pixels, expected at least 4x4"),
        (too_few, "has 29 training images, expected at least 30"),
    ],
)
def test_unusable_folder_is_refused_in_one_sentence(tmp_path: Path, make, sentence: str) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    make(folder)
    with pytest.raises(UsageError, match=sentence) as error:
        datasets.load(f"folder:{folder}")
    assert "\n" not in str(error.value)
