"""What a folder of pictures may hold, and what is refused or said of the rest."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from bench.datasets import load
from bench.datasets._folder import read_folder, read_pictures
from bench.datasets._picture import MAX_SIDE, read_files
from bench.errors import UsageError

RGB = np.random.default_rng(0).integers(0, 256, (40, 5, 6, 3), np.uint8)
ORIENTATION = 0x0112


def fill(folder: Path, pictures: np.ndarray = RGB, suffix: str = "png") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for i, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / f"{i:03d}.{suffix}")
    return folder


def classes(folder: Path, *names: str) -> Path:
    for i, name in enumerate(names):
        fill(folder / name, RGB[i : i + 1])
    return folder


def by_place(names: Sequence[str]) -> range:
    return range(len(names))


def test_folders_with_numbers_are_the_classes_of_these_numbers(tmp_path: Path) -> None:
    parts = read_folder(classes(tmp_path, *map(str, range(11))))
    assert parts.train.labels is not None
    assert parts.train.labels.tolist() == list(range(11))
    assert parts.classes[10] == "10"
    third = parts.train.images[3].transpose(1, 2, 0)
    np.testing.assert_array_equal(third, np.asarray(Image.open(tmp_path / "3" / "000.png")))


def test_folders_with_words_are_classes_in_the_order_of_words(tmp_path: Path) -> None:
    parts = read_folder(classes(tmp_path, "dog", "ant", "cat"))
    assert parts.classes == ("ant", "cat", "dog")


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (("3", "7"), r"class folders 3, 7, whose names are class numbers, expected 0\.\.1 \(0 is"),
        (("1", "2", "3"), r"expected 0\.\.2 \(0 is missing\): rename them, or add a letter"),
        (("0", "2"), r"expected 0\.\.1 \(1 is missing\)"),
        (("99999999999999999999", "0"), r"expected 0\.\.1 \(1 is missing\)"),
        (
            ("0", "1", "cat"),
            r"with numbers \(0\) and with words \(cat\), expected one or the other",
        ),
        (("3", "03"), "class folders '03' and '3', expected one of each class: join them"),
        (("cat", "Cat"), "class folders 'Cat' and 'cat', expected one of each class: join them"),
        (("é", "e\u0301"), "expected one of each class: join them"),
        (("Train", "Test"), "has the subfolders Test, Train, expected train and test and no other"),
        (("training", "test"), "expected train and test and no other"),
        (("cat", "val"), "has the subfolders cat, val, expected train and test"),
    ],
)
def test_folders_whose_classes_are_unclear_are_refused(
    tmp_path: Path, names: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        read_folder(classes(tmp_path, *names))


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_pictures_are_upright_by_their_orientation(
    tmp_path: Path, orientation: int, suffix: str
) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = tmp_path / f"turned.{suffix}"
    stripes = np.repeat(np.arange(0, 256, 32, dtype=np.uint8)[:, None], 16, axis=1)
    picture = Image.fromarray(stripes)
    picture.save(path, exif=exif, **({"quality": 100} if suffix == "jpg" else {"lossless": True}))
    marked = picture.copy()
    marked.getexif()[ORIENTATION] = orientation
    upright = np.asarray(ImageOps.exif_transpose(marked))
    np.testing.assert_allclose(read_files([path])[0, 0], upright, atol=2)


def test_size_is_that_of_the_upright_picture(tmp_path: Path) -> None:
    fill(tmp_path, RGB[:2])
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    lying = Image.fromarray(RGB[2]).transpose(Image.Transpose.ROTATE_90)
    lying.save(tmp_path / "002.png", exif=exif)
    np.testing.assert_array_equal(read_folder(tmp_path).train.images[2], RGB[2].transpose(2, 0, 1))
    lying.save(tmp_path / "002.png")
    with pytest.raises(UsageError, match=r"002.png' is 6x5 pixels, expected 5x6 as '000.png'"):
        read_folder(tmp_path)


def test_opaque_alpha_is_no_transparency(tmp_path: Path) -> None:
    for i, mode in enumerate(("RGBA", "LA", "PA")):
        Image.fromarray(RGB[i]).convert(mode).save(tmp_path / f"{i}.{'tif' if i == 2 else 'png'}")
    assert read_folder(tmp_path).train.images.shape == (3, 3, 5, 6)


def transparent(mode: str) -> Image.Image:
    picture = Image.fromarray(RGB[0]).convert("RGBA")
    picture.putpixel((0, 0), (1, 2, 3, 128))
    return picture.convert(mode)


def test_palettes_and_two_levels_are_what_they_show(tmp_path: Path) -> None:
    gray = Image.fromarray(RGB[0, ..., 0])
    gray.convert("P").save(tmp_path / "0.png")
    gray.convert("1").save(tmp_path / "1.png")
    images = read_folder(tmp_path).train.images
    np.testing.assert_array_equal(images[0, 0], np.asarray(gray))
    assert set(np.unique(images[1])) == {0, 255}


@pytest.mark.parametrize("name", ["000.png", "000.tif", "000.pgm"])
def test_gray_of_16_bits_becomes_the_nearest_levels_of_8_and_is_said(
    tmp_path: Path, name: str
) -> None:
    levels = np.array([[0, 128, 129, 257, 40_000, 65_535]] * 5, np.uint16)
    Image.fromarray(levels).save(tmp_path / name)
    parts = read_folder(tmp_path)
    assert parts.train.images.shape == (1, 1, 5, 6)
    assert parts.train.images[0, 0, 0].tolist() == [0, 0, 1, 1, 156, 255]
    assert parts.notes == (
        f"'{tmp_path}': 1 pictures of mode I;16 ({name}) are gray of 16 bits, of which levels "
        "0..65,535 become 0..255",
    )


def test_cmyk_becomes_rgb_and_is_said(tmp_path: Path) -> None:
    picture = Image.fromarray(RGB[0]).convert("CMYK")
    picture.save(tmp_path / "000.tif")
    parts = read_folder(tmp_path)
    np.testing.assert_array_equal(parts.train.images[0], RGB[0].transpose(2, 0, 1))
    assert parts.notes == (
        f"'{tmp_path}': 1 pictures of mode CMYK (000.tif) are turned to RGB without their colour "
        "profile",
    )


def saved(picture: Image.Image, name: str = "001.png", **more: object) -> Callable[[Path], None]:
    return lambda folder: picture.save(folder / name, **more)


def sixteen(shape: tuple[int, ...]) -> np.ndarray:
    return np.full(shape, 40_000, np.uint16)


def ppm_of_16_bits(folder: Path) -> None:
    (folder / "001.ppm").write_bytes(b"P6 6 5 65535\n" + sixteen((5, 6, 3)).tobytes())


def png_of_16_bits_and_colours(folder: Path) -> None:
    """Pillow cannot write one: that of 8 bits, whose header says 16, has twice the bytes."""
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = b"".join(b"\0" + row.tobytes() for row in sixteen((5, 6, 3)))
    header = struct.pack(">IIBBBBB", 6, 5, 16, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    (folder / "001.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


def postscript(folder: Path) -> None:
    """Pillow would have Ghostscript run it."""
    text = "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 6 5\n(run) (w) file\n%%EOF\n"
    (folder / "001.png").write_text(text)


def large(folder: Path) -> None:
    Image.new("1", (MAX_SIDE + 1, 4)).save(folder / "001.png")


PALETTE = Image.fromarray(RGB[0]).convert("P")
FRAMES = [Image.fromarray(picture) for picture in RGB[:3]]
TRANSPARENT = r"001.png' is transparent in places \(alpha \d+\), expected opaque pixels: put it"


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (saved(transparent("RGBA")), TRANSPARENT),
        (saved(transparent("LA")), TRANSPARENT),
        (saved(PALETTE, transparency=PALETTE.getpixel((0, 0))), TRANSPARENT),
        (saved(Image.fromarray(RGB[0]), transparency=tuple(RGB[0, 0, 0].tolist())), TRANSPARENT),
        (
            saved(Image.fromarray(sixteen((5, 6))), transparency=40_000),
            "001.png' has the pixel mode I;16, expected 8",
        ),
        (png_of_16_bits_and_colours, "001.png' has the pixel mode I;16, expected 8 bits"),
        (ppm_of_16_bits, "001.ppm' has the pixel mode I;16, expected 8 bits per channel"),
        (
            saved(Image.new("F", (6, 5)), "001.tif"),
            "001.tif' has the pixel mode F, expected 8 bits",
        ),
        (
            saved(FRAMES[0], "001.tif", save_all=True, append_images=FRAMES[1:]),
            "001.tif' has 3 frames, expected one picture: save each",
        ),
        (
            saved(FRAMES[0], "001.gif", save_all=True, append_images=FRAMES[1:]),
            "001.gif' has 3 frames",
        ),
        (postscript, r"001.png' cannot be read \(UnidentifiedImageError\)"),
        (large, "001.png' is 4x4097 pixels, expected at most 4096x4096: resize it first"),
        (lambda folder: (folder / "001.HEIC").touch(), "001.HEIC' is a picture that is not read"),
        (lambda folder: (folder / "001.svg").touch(), "001.svg' is a picture that is not read"),
        (lambda folder: (folder / "001.png").symlink_to("gone"), "001.png' is a broken link"),
        (lambda folder: (folder / "001.png").symlink_to("001.png"), "001.png' is a broken link"),
    ],
)
def test_picture_that_would_be_read_otherwise_than_it_looks_is_refused(
    tmp_path: Path, make: Callable[[Path], None], sentence: str
) -> None:
    fill(tmp_path, RGB[:1])
    make(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UsageError, match=sentence):
            read_folder(tmp_path)


def test_damaged_tiff_is_told_by_us_alone(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "0.tif"
    Image.fromarray(RGB[0]).save(path, compression="tiff_lzw")
    data = bytearray(path.read_bytes())
    data[8:20] = b"\xff" * 12  # the first codes, which stand behind the head
    path.write_bytes(data)
    with pytest.raises(UsageError, match=r"0\.tif' cannot be read"):
        read_folder(tmp_path)
    assert capfd.readouterr() == ("", "")


def test_every_skipped_file_is_counted_and_named(tmp_path: Path) -> None:
    fill(tmp_path / "cat", RGB[:2])
    fill(tmp_path / "dog", RGB[2:4])
    for name in (
        "README.txt",
        "cat/a.txt",
        "cat/b.txt",
        "dog/c.txt",
        "cat/.DS_Store",
        "dog/LICENSE",
    ):
        (tmp_path / name).touch()
    (tmp_path / "cat" / ".ipynb_checkpoints").mkdir()
    os.mkfifo(tmp_path / "dog" / "pipe.png")
    (note,) = read_folder(tmp_path).notes
    assert note == (
        f"'{tmp_path}': skipped 8 files that are no pictures: 1 .png (dog/pipe.png), "
        "4 .txt (README.txt, cat/a.txt, cat/b.txt, ...), 2 hidden (cat/.DS_Store, "
        "cat/.ipynb_checkpoints), 1 without suffix (dog/LICENSE)"
    )


def test_pictures_of_one_name_are_said(tmp_path: Path) -> None:
    fill(tmp_path, RGB[:2])
    Image.fromarray(RGB[0]).save(tmp_path / "000.PNG")
    Image.fromarray(RGB[0]).save(tmp_path / "000.bmp")
    parts = read_folder(tmp_path)
    assert len(parts.train) == 4
    assert parts.notes == (
        f"'{tmp_path}': 1 pictures have another of their name but for case or suffix "
        "(000.PNG, 000.bmp, 000.png): each counts",
    )


@pytest.mark.parametrize("link", ["..", "."])
def test_folder_below_a_class_is_refused_and_links_lead_into_no_circle(
    tmp_path: Path, link: str
) -> None:
    fill(tmp_path / "cat", RGB[:2])
    (tmp_path / "cat" / "more").symlink_to(link)
    with pytest.raises(UsageError, match="more' is a folder within the class folder 'cat'"):
        read_folder(tmp_path)


def test_pictures_beside_train_and_test_are_refused_and_others_said(tmp_path: Path) -> None:
    for part in ("train", "test"):
        fill(tmp_path / part, RGB[:2])
    (tmp_path / "names.csv").touch()
    assert (
        "skipped 1 files that are no pictures: 1 .csv (names.csv)" in read_folder(tmp_path).notes[0]
    )
    fill(tmp_path, RGB[:1])
    with pytest.raises(UsageError, match=r"holds pictures \(000.png\) beside subfolders \(test\)"):
        read_folder(tmp_path)


def test_jpeg_is_said_of_images_to_measure(tmp_path: Path) -> None:
    (note,) = read_pictures(fill(tmp_path, RGB[:2], "jpg"), by_place).notes
    assert note == "2 pictures are JPEG (000.jpg): distances see what it lost"


def test_more_than_the_machine_holds_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.datasets._splits.host_memory", lambda: 1_000)
    with pytest.raises(
        UsageError, match=r"would need \d.* of memory, [\d.]+ [kM]B are there: give fewer"
    ):
        read_folder(fill(tmp_path))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda x: x * 0 + 7, "has the level 7 in every pixel, expected images: mend"),
        (lambda x: (x > 99) * 1, r"has the levels 0 1 alone, expected 0\.\.255: scale them"),
        (lambda x: x / 127.5 - 1, "has the levels 0 1 255 alone"),
    ],
)
def test_images_that_were_cast_and_not_scaled_are_refused(
    tmp_path: Path, change: Callable[[np.ndarray], np.ndarray], sentence: str
) -> None:
    x = RGB.copy()
    x[0, 0, 0] = 255
    cast = change(x).astype(np.int64).astype(np.uint8)
    np.savez(tmp_path / "a.npz", x=cast)
    with pytest.raises(UsageError, match=sentence):
        load(f"npz:{tmp_path / 'a.npz'}")


def test_images_of_two_levels_and_narrow_or_constant_ones_are_taken_and_said(
    tmp_path: Path,
) -> None:
    np.savez(tmp_path / "binary.npz", x=(RGB > 99) * np.uint8(255))
    assert load(f"npz:{tmp_path / 'binary.npz'}").notes == ()
    dark = RGB // 16
    dark[[5, 9]] = 3
    np.savez(tmp_path / "dark.npz", x=dark)
    name = f"npz:{tmp_path / 'dark.npz'}"
    assert load(name).notes == (
        f"'{name}' has levels 0..15 alone, of 0..255: is it scaled?",
        f"'{name}' has 2 images whose pixels are all the same, the first is number 5 (from 0)",
    )
