"""Samples of one fixed noise."""

from __future__ import annotations

from bench.contracts import View
from bench.images import Picture, display_scale, grid
from bench.pictures import picture

SIDE = 8


@picture("samples")
def samples(view: View) -> Picture:
    """8 x 8 samples, uncurated, of the same noise at every cadence."""
    scale = display_scale(view.spec.shape[1])
    return grid(view.samples(SIDE * SIDE), columns=SIDE, scale=scale)
