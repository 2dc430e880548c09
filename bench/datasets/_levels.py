"""Gray levels that cannot be meant: images that a conversion has ruined, or that show nothing."""

from __future__ import annotations

import numpy as np

from bench.datasets._splits import Images
from bench.errors import UsageError

_BLOCK = 1_000  # images looked at at a time
_NARROW = 64


def check_levels(where: str, images: Images) -> tuple[str, ...]:
    """What a user should know of the levels of uint8 images [N, C, H, W], N at least 1.

    Raises:
        UsageError: All pixels are one, or 0 and 1 and 255 alone with some 1: floats in [0, 1] or in
            [-1, 1] that were cast and not scaled.
    """
    lowest, highest = int(images.min()), int(images.max())
    if lowest == highest:
        raise UsageError(
            f"{where} has the level {lowest} in every pixel, expected images: mend what wrote them"
        )
    if _is_cast(images):
        raise UsageError(
            f"{where} has the levels {' '.join(map(str, np.unique(images)))} alone, expected 0..255: "
            f"scale them before they become uint8, floats in [0, 1] by (255 * x).round()"
        )
    notes = []
    if highest - lowest < _NARROW:
        notes.append(f"{where} has levels {lowest}..{highest} alone, of 0..255: is it scaled?")
    flat = images.reshape(len(images), -1)
    constant = np.flatnonzero((flat == flat[:, :1]).all(1))
    if len(constant):
        notes.append(
            f"{where} has {len(constant)} images whose pixels are all the same, the first is "
            f"number {constant[0]} (from 0)"
        )
    return tuple(notes)


def _is_cast(images: Images) -> bool:
    blocks = [images[start : start + _BLOCK] for start in range(0, len(images), _BLOCK)]
    if any(bool(((block > 1) & (block < 255)).any()) for block in blocks):
        return False
    return any(bool((block == 1).any()) for block in blocks)
