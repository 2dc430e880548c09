"""25 Gaussians on a grid, that of Srivastava et al. 2017 and Lin et al. 2018."""

from __future__ import annotations

import itertools
from functools import partial

from bench.datasets import DATASETS, DatasetSource, Published
from bench.datasets._mixture import LEVELS, NUM_HELD_OUT, NUM_POINTS, Mixture

_PLACES = (-4.0, -2.0, 0.0, 2.0, 4.0)
GRID = Mixture(means=tuple(itertools.product(_PLACES, _PLACES)), sd=0.05, extent=(-6.0, 6.0))

DATASETS.add(
    "grid25",
    DatasetSource(
        summary="120,000 points of 25 Gaussians on a grid of side 8, sd 0.05, density known",
        read=partial(GRID.parts, seed=25),
        published=Published(
            shape=(1, 1, 2), num_train=NUM_POINTS, num_test=0, digest="d2a8769cf9e07251"
        ),
        levels=LEVELS,
        held_out=(NUM_HELD_OUT, NUM_HELD_OUT),
        truth=GRID,
    ),
)
