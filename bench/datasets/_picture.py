"""The pixels of picture files: upright, of one size, 8 bits per channel, opaque; or refused."""

from __future__ import annotations

import contextlib
import os
import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bench.datasets._room import room_for
from bench.datasets._splits import Images
from bench.errors import UsageError

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (
    *(".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png"),
    *(".pnm", ".ppm", ".tif", ".tiff", ".webp"),
)
JPEG = {".jfif", ".jpe", ".jpeg", ".jpg"}
# Nothing else is tried, whatever a file's name is: Pillow has others run a program (EPS).
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "YCbCr")
_RAW_OF_16_BITS = re.compile(r"(?:I|L|LA|RGB|RGBA|RGBX);16[A-Z]*")
MAX_SIDE = 4096


def read_files(files: Sequence[Path]) -> Images:
    """uint8 [N, 3, H, W], or [N, 1, H, W] where red, green and blue agree everywhere.

    Each is turned as its EXIF orientation says.

    Raises:
        UsageError: A picture that cannot be read, has another size than the first, more than
            8 bits per channel, a transparent pixel, several frames, or is no gray and no RGB.
    """
    where, first = f"'{files[0].parent}'", _pixels(files[0])
    images = room_for(where, (len(files), 1, *first.shape[1:]))
    for i, file in enumerate(files):
        pixels = _pixels(file, _Size(files[0].name, *first.shape[1:]))
        if images.shape[1] == 1 and bool((pixels != pixels[:1]).any()):
            gray, images = images, room_for(where, (len(files), *first.shape))
            images[:i] = gray[:i]
        images[i] = pixels[: images.shape[1]]
    return images


class _Size(NamedTuple):
    """What every picture's sides should be, and the name of the one that has them."""

    name: str
    height: int
    width: int


def _pixels(file: Path, expected: _Size | None = None) -> Images:
    """uint8 [3, H, W] of one picture; one with other sides than expected is not decoded."""
    from PIL import Image, ImageOps

    try:
        # By its name Pillow would map a TIFF into memory, and read one that lies on its side wrongly.
        with file.open("rb") as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of broken notes beside the pixels
            with Image.open(stream, formats=_FORMATS) as picture:
                _require_plain(file, picture)
                if expected and sorted(picture.size) != sorted(expected[1:]):
                    raise _other_size(file, picture, expected)
                with _silent() if picture.format == "TIFF" else contextlib.nullcontext():
                    upright = ImageOps.exif_transpose(picture)
                if expected and (upright.height, upright.width) != expected[1:]:
                    raise _other_size(file, upright, expected)
                _require_opaque(file, upright)
                return np.asarray(upright.convert("RGB")).transpose(2, 0, 1)
    except UsageError:
        raise
    except Exception as error:  # decoders raise whatever a damaged file leads them to
        raise UsageError(
            f"'{file}' cannot be read ({type(error).__name__}), expected a whole picture: "
            f"remove or replace it"
        ) from error


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


def _other_size(file: Path, picture: Image, expected: _Size) -> UsageError:
    return UsageError(
        f"'{file}' is {picture.height}x{picture.width} pixels, expected "
        f"{expected.height}x{expected.width} as '{expected.name}': resize all pictures to one "
        f"size first"
    )


def _require_plain(file: Path, picture: Image) -> None:
    """What can be said of a picture before it is decoded."""
    if max(picture.size) > MAX_SIDE:
        raise UsageError(
            f"'{file}' is {picture.height}x{picture.width} pixels, expected at most "
            f"{MAX_SIDE}x{MAX_SIDE}: resize it first"
        )
    if picture.mode == "CMYK":
        raise UsageError(
            f"'{file}' has the pixel mode CMYK, expected gray or RGB: convert it with its colour "
            f"profile first"
        )
    if picture.mode not in _MODES or _has_16_bits(picture):
        mode = "I;16" if picture.mode in _MODES else picture.mode
        raise UsageError(
            f"'{file}' has the pixel mode {mode}, expected 8 bits per channel: convert it first"
        )
    frames = getattr(picture, "n_frames", 1)
    if frames > 1 and picture.format != "MPO":  # a telephone's picture, previews behind it
        raise UsageError(
            f"'{file}' has {frames} frames, expected one picture: save each as a file first"
        )


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
            raise UsageError(
                f"'{file}' is transparent in places (alpha {lowest}), expected opaque pixels: put it "
                f"on a background first, which is a part of the image"
            )
