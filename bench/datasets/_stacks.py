"""Stacks: images of one data set as the channels of one image, whose classes are its modes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.datasets._splits import Arrays, Parts, Share

CHANNELS = 3


def stacked(splits: Sequence[Share], sizes: Sequence[int]) -> Parts:
    """Stacks of train, validation and test images, each of images of its own split alone.

    Args:
        splits: Labelled images of one channel: train, validation, test.
        sizes: How many stacks of each.
    """
    train, val, test = (
        _drawn(share.taken(), size, seed=seed)
        for seed, (share, size) in enumerate(zip(splits, sizes, strict=True))
    )
    return Parts(train, test, val=val)


def _drawn(arrays: Arrays, n: int, *, seed: int) -> Arrays:
    """n stacks ``[n, 3, H, W]`` of images drawn with replacement, class 100 a + 10 b + c of ten."""
    assert arrays.labels is not None
    # Raw 64-bit words: NumPy keeps their stream for ever; of 60,000 the remainder's bias is 1e-15.
    drawn = np.random.PCG64(seed).random_raw(CHANNELS * n) % np.uint64(len(arrays))
    index = drawn.astype(np.intp).reshape(n, CHANNELS)
    num_classes = int(arrays.labels.max()) + 1
    weights = num_classes ** np.arange(CHANNELS)[::-1]
    return Arrays(arrays.images[index, 0], arrays.labels[index] @ weights)
