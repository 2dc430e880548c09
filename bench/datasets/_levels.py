"""Gray levels that cannot be meant: images that a conversion has ruined, or that show nothing."""

from __future__ import annotations

import numpy as np

from bench.datasets._splits import Images, blocks_of
from bench.errors import UsageError

_NARROW = 64
_CAST = {0, 1, 255}


def check_levels(where: str, images: Images) -> tuple[str, ...]:
    """What a user should know of the levels of uint8 images [N, C, H, W], N at least 1.

    Raises:
        UsageError: All pixels are one, or 0 and 1 and 255 alone with some 1: floats in [0, 1] or in
            [-1, 1] that were cast and not scaled.
    """
    levels, constant = _looked_through(images)
    lowest, highest = levels[0], levels[-1]
    if lowest == highest:
        raise UsageError(
            f"{where} has the level {lowest} in every pixel, expected images: mend what wrote them"
        )
    if 1 in levels and set(levels) <= _CAST:
        raise UsageError(
            f"{where} has the levels {' '.join(map(str, levels))} alone, expected 0..255: "
            f"scale them before they become uint8, floats in [0, 1] by (255 * x).round()"
        )
    notes = []
    if highest - lowest < _NARROW:
        notes.append(f"{where} has levels {lowest}..{highest} alone, of 0..255: is it scaled?")
    if constant:
        notes.append(
            f"{where} has {len(constant)} images whose pixels are all the same, the first is "
            f"number {constant[0]} (from 0)"
        )
    return tuple(notes)


def _looked_through(images: Images) -> tuple[list[int], list[int]]:
    """The levels that occur, ascending, and the numbers of images that have one alone."""
    counts, constant, start = np.zeros(256, np.int64), [], 0
    for block in blocks_of(images):
        flat = block.reshape(len(block), -1)
        counts += np.bincount(flat.ravel(), minlength=256)
        constant += (start + np.flatnonzero((flat == flat[:, :1]).all(1))).tolist()
        start += len(block)
    return np.flatnonzero(counts).tolist(), constant
