"""The pixels of picture files: upright, of one size, 8 bits per channel, opaque; or refused.

CMYK becomes RGB and gray of 16 bits gray of 8, which is said. What a user asks for is done to each: a background laid under it, gray, another size.
"""

from __future__ import annotations

import contextlib
import os
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from bench.dataset_names import LEVELS, OwnPictures
from bench.datasets._room import room_for
from bench.datasets._splits import Images
from bench.errors import UsageError

if TYPE_CHECKING:
    from PIL.Image import Image

T = TypeVar("T")

SUFFIXES = (
    *(".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png"),
    *(".pnm", ".ppm", ".tif", ".tiff", ".webp"),
)
JPEG = {".jfif", ".jpe", ".jpeg", ".jpg"}
# Nothing else is tried, whatever a file's name is: Pillow has others run a program (EPS).
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_MODES = ("1", "CMYK", "L", "LA", "P", "PA", "RGB", "RGBA", "YCbCr")
_RAW_OF_16_BITS = re.compile(r"(?:CMYK|I|L|LA|RGB|RGBA|RGBX);16[A-Z]*")
GRAY_16 = "I;16"
CONVERTED = {
    "CMYK": "turned to RGB without their colour profile",
    GRAY_16: "gray of 16 bits, of which levels 0..65,535 become 0..255",
}
"""Modes whose pixels are not kept as they are, and what becomes of them."""
MANY_SIZES = "another size than the first"
MAX_SIDE = 4096
MAX_SIDE_RESIZED = 16_384
"""Of a picture that becomes a smaller one."""

AS_IT_IS = OwnPictures(kind="folder", path="")


class Refused(UsageError):  # noqa: N818 - a finding about a file, counted where such are left out
    """A picture that is not read.

    Args:
        kind: In a few words, for tables: pictures of one kind have one remedy.
        sentence: What is wrong, and what to do.
        **reading: What ``OwnPictures`` says where it is read.
    """

    def __init__(self, kind: str, sentence: str, **reading: Any) -> None:
        super().__init__(sentence)
        self.kind, self.reading = kind, reading


def read_files(
    files: Sequence[Path],
    how: OwnPictures = AS_IT_IS,
    left: dict[int, Refused] | None = None,
    converted: dict[str, list[str]] | None = None,
) -> Images:
    """uint8 [N, 3, H, W], or [N, 1, H, W] where red, green and blue agree everywhere.

    Each is turned as its EXIF orientation says.

    Args:
        files: Pictures.
        how: What is done to each.
        left: Takes the places of those that cannot be read, which are left out of the images; None
            refuses them.
        converted: Takes the names of those of a mode of ``CONVERTED``, by that mode.

    Raises:
        UsageError: A picture that cannot be read, has another size than the first, more than
            8 bits per channel and a colour, a transparent pixel, several frames, or is no gray and
            no RGB.
    """
    where, images, number = f"'{files[0].parent}'", None, 0
    expected: _Size | None = None
    for i, file in enumerate(files):
        try:
            mode, pixels = _pixels(file, expected, how)
        except Refused as reason:
            if left is None:
                raise
            left[i] = reason
            continue
        if images is None:
            images = room_for(where, (len(files), 1, *pixels.shape[1:]))
            expected = None if how.resize else _Size(file.name, *pixels.shape[1:])
        if images.shape[1] == 1 and bool((pixels != pixels[:1]).any()):
            gray, images = images, room_for(where, (len(files), *pixels.shape))
            images[:number] = gray[:number]
        images[number] = pixels[: images.shape[1]]
        number += 1
        if mode in CONVERTED and converted is not None:
            converted.setdefault(mode, []).append(file.name)
    if images is None:
        raise next(iter((left or {}).values()))
    return images[:number]


def prepared(pixels: Images, how: OwnPictures) -> Images:
    """One image, uint8 [C, H, W], with what is asked for done to it."""
    from PIL import Image

    shown = Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))
    done = np.asarray(_done(shown, how))
    return done[None] if done.ndim == 2 else done.transpose(2, 0, 1)


class _Size(NamedTuple):
    """What every picture's sides should be, and the name of the one that has them."""

    name: str
    height: int
    width: int


def size_of(file: Path) -> tuple[int, int] | None:
    """Height and width as the file's head has them; None where it is no picture that is read."""
    from PIL import Image

    try:
        with warnings.catch_warnings(), _silent(), Image.open(file, formats=_FORMATS) as picture:
            warnings.simplefilter("ignore")
            return picture.height, picture.width
    except Exception:  # noqa: BLE001 - decoders raise whatever a damaged file leads them to
        return None


def look_at(file: Path, how: OwnPictures) -> tuple[str, int, int]:
    """Pixel mode, height and width of one picture, upright, before gray and another size.

    Raises:
        Refused: It is not read.
    """
    return _opened(file, None, how, lambda mode, upright: (mode, upright.height, upright.width))


def _pixels(file: Path, expected: _Size | None, how: OwnPictures) -> tuple[str, Images]:
    """Mode of one picture, and uint8 [3, H, W]; one with other sides than expected is not decoded."""

    def pixels(mode: str, upright: Image) -> tuple[str, Images]:
        rgb = _done(_in_8_bits(mode, upright).convert("RGB"), how).convert("RGB")
        return mode, np.asarray(rgb).transpose(2, 0, 1)

    return _opened(file, expected, how, pixels)


def _opened(
    file: Path, expected: _Size | None, how: OwnPictures, use: Callable[[str, Image], T]
) -> T:
    """What ``use`` makes of a picture's mode and of the picture, whole, upright and opaque.

    Raises:
        Refused: It is not read.
    """
    from PIL import Image, ImageOps

    try:
        # By its name Pillow would map a TIFF into memory, and read one that lies on its side wrongly.
        with file.open("rb") as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of broken notes beside the pixels
            with Image.open(stream, formats=_FORMATS) as picture:
                _require_plain(file, picture, MAX_SIDE_RESIZED if how.resize else MAX_SIDE)
                if expected and sorted(picture.size) != sorted(expected[1:]):
                    raise _other_size(file, picture, expected)
                with _silent() if picture.format == "TIFF" else contextlib.nullcontext():
                    upright = ImageOps.exif_transpose(picture)
                if expected and (upright.height, upright.width) != expected[1:]:
                    raise _other_size(file, upright, expected)
                if how.background and upright.has_transparency_data:
                    upright = _laid_on(upright, LEVELS[how.background])
                _require_opaque(file, upright)
                return use(GRAY_16 if _is_gray_of_16_bits(picture) else picture.mode, upright)
    except UsageError:
        raise
    except Exception as error:  # decoders raise whatever a damaged file leads them to
        raise Refused(
            "damaged",
            f"'{file}' cannot be read ({type(error).__name__}), expected a whole picture: "
            f"remove or replace it",
        ) from error


def _in_8_bits(mode: str, picture: Image) -> Image:
    """A picture whose levels are 0..255, each of 16 bits rounded to the nearest of them."""
    from PIL import Image

    if mode != GRAY_16:
        return picture
    levels = np.asarray(picture).astype(np.uint32)
    return Image.fromarray(((levels + 128) // 257).astype(np.uint8))


def _laid_on(picture: Image, level: int) -> Image:
    """Without its transparency."""
    from PIL import Image

    ground = Image.new("RGBA", picture.size, (level, level, level, 255))
    return Image.alpha_composite(ground, picture.convert("RGBA")).convert("RGB")


def _done(picture: Image, how: OwnPictures) -> Image:
    """A picture that is gray or RGB, with what is asked for done to it."""
    from PIL import Image, ImageOps

    if how.gray:
        picture = picture.convert("L")
    if how.resize:
        picture = ImageOps.fit(picture, (how.resize, how.resize), Image.Resampling.LANCZOS)
    return picture


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Inside, nothing reaches standard error: libtiff itself writes there of what it skips."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _other_size(file: Path, picture: Image, expected: _Size) -> Refused:
    return Refused(
        MANY_SIZES,
        f"'{file}' is {picture.height}x{picture.width} pixels, expected "
        f"{expected.height}x{expected.width} as '{expected.name}': resize all pictures to one "
        f"size first",
    )


def _require_plain(file: Path, picture: Image, max_side: int) -> None:
    """What can be said of a picture before it is decoded."""
    if max(picture.size) > max_side:
        raise Refused(
            "too large",
            f"'{file}' is {picture.height}x{picture.width} pixels, expected at most "
            f"{max_side}x{max_side}: resize it first",
        )
    if not _is_gray_of_16_bits(picture) and (picture.mode not in _MODES or _has_16_bits(picture)):
        mode = GRAY_16 if picture.mode in _MODES else picture.mode
        raise Refused(
            f"mode {mode}",
            f"'{file}' has the pixel mode {mode}, expected 8 bits per channel: convert it first",
        )
    frames = getattr(picture, "n_frames", 1)
    if frames > 1 and picture.format != "MPO":  # a telephone's picture, previews behind it
        raise Refused(
            "several frames",
            f"'{file}' has {frames} frames, expected one picture: save each as a file first",
        )


def _is_gray_of_16_bits(picture: Image) -> bool:
    """One channel of levels up to 65,535, none of which is transparent; Pillow gives a PGM as 32 bits."""
    is_gray = picture.mode.startswith(GRAY_16) or (picture.mode, picture.format) == ("I", "PPM")
    return is_gray and "transparency" not in picture.info


def _has_16_bits(picture: Image) -> bool:
    """Whether Pillow would throw away the lower half of each value, or scale it."""
    for tile in getattr(picture, "tile", ()):
        arguments = tile[3] if isinstance(tile[3], tuple) else (tile[3],)
        if tile[0].startswith("ppm") and any(isinstance(a, int) and a > 255 for a in arguments):
            return True
        if any(isinstance(a, str) and _RAW_OF_16_BITS.fullmatch(a) for a in arguments):
            return True
    return False


def _require_opaque(file: Path, picture: Image) -> None:
    if picture.has_transparency_data:
        lowest = np.asarray(picture.convert("RGBA"))[..., 3].min()
        if lowest < 255:
            raise Refused(
                "transparent",
                f"'{file}' is transparent in places (alpha {lowest}), expected opaque pixels: put it "
                f"on a background first, which is a part of the image",
                background="white",
            )
