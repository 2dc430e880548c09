"""Eight Gaussians on a circle, the ring of Metz et al. 2017 and Srivastava et al. 2017."""

from __future__ import annotations

import math
from functools import partial

from bench.datasets import DATASETS, DatasetSource, Published
from bench.datasets._mixture import LEVELS, NUM_HELD_OUT, NUM_POINTS, Mixture

_TURNS = [math.tau * k / 8 for k in range(8)]
RING = Mixture(
    means=tuple((math.cos(turn), math.sin(turn)) for turn in _TURNS), sd=0.01, extent=(-2.0, 2.0)
)

DATASETS.add(
    "ring8",
    DatasetSource(
        summary="120,000 points of 8 Gaussians on a circle of radius 1, sd 0.01, density known",
        read=partial(RING.parts, seed=8),
        published=Published(
            shape=(1, 1, 2), num_train=NUM_POINTS, num_test=0, digest="bc7b5c0d781d664c"
        ),
        levels=LEVELS,
        held_out=(NUM_HELD_OUT, NUM_HELD_OUT),
        truth=RING,
    ),
)
