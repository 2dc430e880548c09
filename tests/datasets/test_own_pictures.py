"""A user's own pictures of any size and mode: what is asked for is done, and said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench import datasets
from bench.config import dataset_slug
from bench.dataset_names import (
    OPTIONS,
    OwnPictures,
    in_order,
    own_pictures,
    short_name,
    to_publish,
)
from bench.datasets._examined import examine
from bench.datasets._folder import read_folder
from bench.datasets._picture import CONVERTED
from bench.datasets._splits import fewest_images, more_images, split_sizes
from bench.errors import UsageError
from bench.measures import MeasureName
from bench.models import configure
from bench.plan.study import Identity

RGB = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), np.uint8)
GRAY = OwnPictures(kind="folder", path="", resize=8, gray=True)


def save(folder: Path, name: str, picture: Image.Image) -> None:
    folder.mkdir(exist_ok=True, parents=True)
    picture.save(folder / name)


def mixed(folder: Path) -> Path:
    """Pictures of two sizes, of all kinds that are converted and refused but for large ones."""
    for i, pixels in enumerate(RGB):
        picture = Image.fromarray(pixels)
        save(folder, f"{i:02d}.png", picture.resize((12, 8)) if i % 2 else picture)
    glass = Image.fromarray(RGB[0]).convert("RGBA")
    glass.putalpha(0)
    save(folder, "a.png", glass)
    save(folder, "b.jpg", Image.new("CMYK", (8, 8)))
    save(folder, "c.png", Image.fromarray(np.full((8, 8), 40_000, np.uint16)))
    save(folder, "g.tif", Image.new("F", (8, 8)))
    frames = [Image.fromarray(pixels) for pixels in RGB[:2]]
    frames[0].save(folder / "d.gif", save_all=True, append_images=frames[1:])
    (folder / "e.png").write_bytes((folder / "a.png").read_bytes()[:60])
    (folder / "f.heic").touch()
    (folder / "notes.txt").touch()
    return folder


@pytest.mark.parametrize(
    "own",
    [
        OwnPictures(kind="folder", path="a,b=c:d"),
        OwnPictures(kind="npz", path="x.npz", resize=32, gray=True, held_out=65),
        OwnPictures(kind="folder", path="x", resize=4, background="white", skip=True),
    ],
)
def test_name_says_what_is_done_and_is_read_back(own: OwnPictures) -> None:
    assert own_pictures(own.name) == own


def test_one_data_set_has_one_name_in_what_is_recorded() -> None:
    names = [f"folder,{options}:x" for options in ("gray,resize=32", "resize=32,gray")]
    for name in names:
        assert configure("vae", {"data.dataset": name}).data.dataset == names[1]
        assert Identity(study="s", tier="t", dataset=name).dataset == names[1]
    assert len({configure("vae", {"data.dataset": name}).digest for name in names}) == 1
    for name in ("digits", "folder:x", "folder,gray:x", "npz,held_out=65:x.npz", "folder,gary:x"):
        assert in_order(name) == name


def test_name_without_options_is_what_it_was() -> None:
    assert OwnPictures(kind="folder", path="x").name == "folder:x"
    assert OwnPictures(kind="folder", path="x").sentence == ""
    assert own_pictures("digits") is own_pictures("other:x") is own_pictures("folder") is None


def test_sentence_names_everything_that_is_done() -> None:
    sentence = OwnPictures(
        kind="folder", path="x", resize=9, gray=True, background="black", skip=True, held_out=70
    ).sentence
    assert sentence == (
        "Transparent pixels are laid on black; each picture is turned to gray (luma of ITU-R BT.601); "
        "each is scaled until its shorter side has 9 pixels (Pillow's Lanczos filter, antialiased), of "
        "which the middle 9x9 are taken; pictures that cannot be read are left out; 70 are held out "
        "for validation, as many for test."
    )


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "folder,resiz=8:x",
            r"unknown option of a data set 'resiz': did you mean 'resize'\? known",
        ),
        ("folder,resize:x", r"resize must be in 4\.\.1,024, got '': write for example resize=64"),
        ("folder,resize=2:x", r"resize must be in 4\.\.1,024, got '2'"),
        ("folder,resize=8.5:x", "got '8.5'"),
        ("folder,gray=yes:x", "gray takes no value, got 'yes': write gray alone"),
        ("folder,background=blue:x", "background must be one of white, black, got 'blue'"),
        ("folder,held_out=0:x", r"held_out must be in 1\.\.1,000,000, got '0'"),
        ("folder,gray,gray:x", "says gray twice: keep one"),
        (
            "npz,skip:x",
            r"skip is for files of pictures, and an \.npz holds arrays: leave it out of",
        ),
        ("folder,gray:", r"has no path: write folder:PATH"),
    ],
)
def test_option_that_means_nothing_is_told(name: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        datasets.load(name)


def test_names_of_detectors_and_measures_can_be_made_of_it() -> None:
    assert dataset_slug("folder:x").startswith("folder_x_")
    slug = dataset_slug("folder,resize=32,gray:x")
    assert slug.startswith("folder_resize_32_gray_x_")
    name = f"fd_{slug}_n60"
    assert MeasureName.parse(name).n == 60


def test_shorter_side_is_scaled_and_the_middle_taken(tmp_path: Path) -> None:
    wide = np.zeros((8, 24, 3), np.uint8)
    wide[:, 8:16] = (255, 0, 0)
    save(tmp_path, "a.png", Image.fromarray(wide))
    save(tmp_path, "b.png", Image.fromarray(wide.transpose(1, 0, 2)))
    how = OwnPictures(kind="folder", path="", resize=4)
    images = read_folder(tmp_path, how).train.images
    assert images.shape == (2, 3, 4, 4)
    assert (images[:, 1:] == 0).all()
    assert images[:, 0, 1:3, 1:3].min() > 230  # at its edges the filter sees what was cut off


def test_scaling_is_antialiased(tmp_path: Path) -> None:
    """Of a board of single black and white pixels nothing is left but its mean."""
    board = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)
    save(tmp_path, "a.png", Image.fromarray(board))
    images = read_folder(tmp_path, GRAY).train.images
    assert images.shape == (1, 1, 8, 8)
    np.testing.assert_allclose(images, 127.5, atol=2)


def test_picture_of_that_size_is_left_as_it_is(tmp_path: Path) -> None:
    save(tmp_path, "a.png", Image.fromarray(RGB[0]))
    how = OwnPictures(kind="folder", path="", resize=8)
    np.testing.assert_array_equal(
        read_folder(tmp_path, how).train.images[0], RGB[0].transpose(2, 0, 1)
    )


def test_gray_is_the_luma_of_the_colours(tmp_path: Path) -> None:
    save(tmp_path, "a.png", Image.fromarray(RGB[0]))
    (image,) = read_folder(tmp_path, GRAY).train.images
    luma = RGB[0] @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(image[0], luma, atol=1)


@pytest.mark.parametrize(("background", "level"), [("white", 255), ("black", 0)])
def test_transparent_pixels_are_laid_on_a_background(
    tmp_path: Path, background: str, level: int
) -> None:
    pixels = np.dstack([RGB[0], np.full((8, 8), 255, np.uint8)])
    pixels[0, 0, 3], pixels[1, 1, 3] = 0, 51  # of 255, a fifth
    save(tmp_path, "a.png", Image.fromarray(pixels))
    how = OwnPictures(kind="folder", path="", background=background)
    (image,) = read_folder(tmp_path, how).train.images
    assert image[:, 0, 0].tolist() == [level] * 3
    np.testing.assert_allclose(image[:, 1, 1], RGB[0, 1, 1] * 0.2 + level * 0.8, atol=1)
    np.testing.assert_array_equal(image[:, 2:], RGB[0, 2:].transpose(2, 0, 1))


def test_what_is_not_read_is_left_out_counted_and_named_on_request(tmp_path: Path) -> None:
    mixed(tmp_path)
    name = f"folder,resize=8,background=white,skip:{tmp_path}"
    splits = datasets.load(name)
    assert len(splits.train) + len(splits.val) + len(splits.test) == 43
    assert splits.notes[:4] == (
        f"'{tmp_path}': skipped 2 files that are no pictures: 1 .heic (f.heic), 1 .txt (notes.txt)",
        f"'{tmp_path}': 1 pictures of mode CMYK (b.jpg) are {CONVERTED['CMYK']}",
        f"'{tmp_path}': 1 pictures of mode I;16 (c.png) are {CONVERTED['I;16']}",
        f"'{tmp_path}': left out 3 pictures that are not read: 1 damaged (e.png), 1 mode F (g.tif), "
        "1 several frames (d.gif)",
    )
    assert datasets.load(f"folder,resize=9,background=white,skip:{tmp_path}").spec.digest != (
        splits.spec.digest
    )


def test_labels_stay_with_the_pictures_that_are_left(tmp_path: Path) -> None:
    for i, pixels in enumerate(RGB):
        save(tmp_path / "ab"[i % 2], f"{i:02d}.png", Image.fromarray(pixels))
    (tmp_path / "a" / "00.png").write_bytes(b"nothing")
    how = OwnPictures(kind="folder", path="", skip=True)
    part = read_folder(tmp_path, how).train
    assert part.labels is not None
    assert part.labels.tolist() == [0] * 19 + [1] * 20
    np.testing.assert_array_equal(part.images[19], RGB[1].transpose(2, 0, 1))


def test_folder_of_which_nothing_is_left_is_told(tmp_path: Path) -> None:
    save(tmp_path, "b.tif", Image.new("F", (8, 8)))
    with pytest.raises(UsageError, match=r"b\.tif' has the pixel mode F"):
        read_folder(tmp_path, OwnPictures(kind="folder", path="", skip=True))


def test_arrays_become_what_pictures_of_the_same_pixels_become(tmp_path: Path) -> None:
    wide = np.random.default_rng(1).integers(0, 256, (40, 9, 12, 3), np.uint8)
    for i, pixels in enumerate(wide):
        save(tmp_path / "folder", f"{i:02d}.png", Image.fromarray(pixels))
    np.savez(tmp_path / "x.npz", x=wide)
    for options in ("resize=6", "resize=6,gray", "gray"):
        found = [
            datasets.load(f"{kind},{options}:{tmp_path / path}").spec.digest
            for kind, path in (("folder", "folder"), ("npz", "x.npz"))
        ]
        assert found[0] == found[1], options


def test_as_many_as_are_asked_for_are_held_out(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=RGB)
    np.savez(tmp_path / "parts.npz", x_train=RGB, x_test=RGB[:3])
    splits = datasets.load(f"npz,held_out=4:{tmp_path / 'x.npz'}")
    assert [len(part) for part in (splits.train, splits.val, splits.test)] == [32, 4, 4]
    splits = datasets.load(f"npz,held_out=6:{tmp_path / 'parts.npz'}")
    assert [len(part) for part in (splits.train, splits.val, splits.test)] == [34, 6, 3]
    with pytest.raises(
        UsageError, match="holds out 12 of 40 images and leaves 28 to train on, exp"
    ):
        datasets.load(f"npz,held_out=6:{tmp_path / 'x.npz'}")


def test_so_many_images_as_are_said_suffice() -> None:
    own = OwnPictures(kind="folder", path="x")
    assert split_sizes(650, 0)[1] == 65
    assert split_sizes(649, 0)[1] == 64
    assert fewest_images(64) == 160
    assert split_sizes(160, 0, (65, 65))[0] == 30
    assert more_images(own, (461, 57, 57), 64) == (
        "hold out more of them, as 'folder,held_out=65:x', or give 650 images or more (there are 575)"
    )
    assert more_images(own, (80, 10, 10), 64) == (
        "give 650 images or more (there are 100), or at least 160 and hold out more of them, as "
        "'folder,held_out=65:x'"
    )
    assert more_images(None, (80, 10, 10), 64) == "add images"


def test_every_kind_is_counted_with_what_is_done_to_it(tmp_path: Path) -> None:
    found = examine(mixed(tmp_path), OwnPictures(kind="folder", path=""))
    read = {kind.what: (kind.becomes, len(kind.names)) for kind in found.read}
    assert read == {
        "RGB": ("as they are", 40),
        "CMYK": (CONVERTED["CMYK"], 1),
        "gray of 16 bits": (CONVERTED["I;16"], 1),
    }
    assert {kind.what: len(kind.names) for kind in found.sizes} == {"8x8": 22, "8x12": 20}
    refused = {kind.what: (kind.names[0], len(kind.names)) for kind in found.refused}
    assert refused == {
        "another size than the first (8x8)": ("01.png", 20),
        "transparent": ("a.png", 1),
        "mode F": ("g.tif", 1),
        "several frames": ("d.gif", 1),
        "damaged": ("e.png", 1),
        ".heic pictures": ("f.heic", 1),
    }
    better = found.options(OwnPictures(kind="folder", path="x"))
    assert better.name == "folder,resize=32,background=white,skip:x"
    again = examine(tmp_path, better)
    kinds = {"RGB": 40, "RGB with alpha": 1, "CMYK": 1, "gray of 16 bits": 1}
    assert {kind.what: len(kind.names) for kind in again.read} == kinds
    assert {kind.becomes for kind in again.sizes} == {"enlarged, which adds no detail"}
    assert set(OPTIONS) == {*vars(better)} - {"kind", "path"}


@pytest.mark.parametrize(
    ("name", "short", "published"),
    [
        ("digits", "digits", "digits"),
        ("folder,size=3:/a/b", "folder,size=3:/a/b", "folder,size=3:/a/b"),  # not ours to read
        ("folder:a/photos/", "photos", "folder:a/photos/"),
        (
            "folder,resize=32,gray:/home/ann/photos/",
            "photos, 32 px, gray",
            "folder,resize=32,gray:photos",
        ),
        ("npz:/data/x.npz", "x.npz", "npz:x.npz"),
        ("npz:C:\\data\\x.npz", "x.npz", "npz:x.npz"),
        ("folder:..", "folder", "folder:.."),
        ("folder:/", "folder", "folder:folder"),
    ],
)
def test_own_pictures_have_a_short_name_and_one_that_tells_no_place(name, short, published):
    assert short_name(name) == short
    assert to_publish(name) == published
