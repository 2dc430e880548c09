"""The embedded data set: scikit-learn's copy of the UCI digits (Alpaydin and Kaynak 1998).

``digits.npz`` beside this file holds it: gray levels 0..16 and classes, CC BY 4.0.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.datasets import DATASETS, Arrays, DatasetSource, Parts, Published

_MAX_GRAY = 16


def read() -> Parts:
    """All 1,797 digits, gray levels 0..16 scaled by 255/16 and rounded."""
    with np.load(Path(__file__).with_suffix(".npz"), allow_pickle=False) as held:
        images = np.rint(held["images"] * (255 / _MAX_GRAY)).astype(np.uint8)
        return Parts(Arrays(images[:, None], held["labels"].astype(np.int64)))


DATASETS.add(
    "digits",
    DatasetSource(
        summary="1,797 handwritten digits, 8x8 gray in 17 levels, shipped with this package",
        read=read,
        published=Published(
            shape=(1, 8, 8), num_train=1_797, num_test=0, digest="c1fe49cdcc2fa1f2"
        ),
        levels=_MAX_GRAY + 1,
        held_out=(297, 500),
    ),
)
