"""Samples as files that others read, and ``bench eval --images``: arrays, or a folder of pictures."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
from torch import Tensor

from bench.errors import UsageError
from bench.files import written_whole
from bench.images import to_png

ARRAYS, GRID = ".npz", ".png"
MOST_IN_A_GRID = 10_000


def require_place(out: Path, count: int) -> None:
    """Nothing is drawn for a place where it could not lie.

    Raises:
        UsageError: Another ending, a folder that holds something, more images than a grid shows.
    """
    if out.is_dir():
        if any(out.iterdir()):
            raise UsageError(
                f"folder '{out}' holds files already, expected a new or an empty one: pictures of two "
                "runs would be measured as one set, give another folder with -o"
            )
    elif out.suffix.lower() not in {"", ARRAYS, GRID}:
        raise UsageError(
            f"'{out}' ends in {out.suffix}, expected a grid in one .png, arrays in an .npz, or a folder "
            "without an ending: give one of them with -o"
        )
    elif not out.suffix and out.exists():
        raise UsageError(f"'{out}' is a file, expected a new folder: give another one with -o")
    elif out.suffix.lower() == GRID and count > MOST_IN_A_GRID:
        raise UsageError(
            f"a grid shows at most {MOST_IN_A_GRID:,} images, got -n {count}: write an .npz or a folder"
        )


def is_grid(out: Path) -> bool:
    """Whether one picture is to show them all."""
    return out.suffix.lower() == GRID and not out.is_dir()


def save_samples(out: Path, images: Tensor, labels: Tensor | None = None) -> None:
    """Writes images, uint8 ``[N, C, H, W]``, with their labels where they have any, whole or not at all.

    An ``.npz`` holds ``x`` as they are and ``y``, int64 ``[N]``. A folder holds ``000000.png`` and so
    on, within one folder for each class that is named by its number.

    Raises:
        OSError: The place cannot be written.
    """
    pixels = images.cpu().numpy()
    classes = None if labels is None else labels.cpu().numpy()
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix.lower() == ARRAYS and not out.is_dir():
        with written_whole(out) as file:
            if classes is None:
                np.savez(file, x=pixels)
            else:
                np.savez(file, x=pixels, y=classes)
        return
    partial = out.with_name(f".{out.name}.{os.getpid()}.partial")
    try:
        for number, image in enumerate(pixels):
            folder = partial if classes is None else partial / str(classes[number])
            folder.mkdir(parents=True, exist_ok=True)
            three = np.broadcast_to(image, (3, *image.shape[1:])).transpose(1, 2, 0)
            (folder / f"{number:06d}.png").write_bytes(to_png(three))
        if out.is_dir():
            out.rmdir()
        partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
