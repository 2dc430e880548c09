"""Samples of one fixed noise."""

from __future__ import annotations

from bench.evaluation.view import View
from bench.images import Picture
from bench.pictures import over_the_truth, picture, tiled

POINTS = 2_000


@picture("samples")
def samples(view: View) -> Picture:
    """10 x 10 samples, uncurated, of the same noise at every cadence; of points 2,000 in the plane."""
    if view.spec.extent:
        n = min(POINTS, view.max_samples)
        return over_the_truth(view.generated_features(n).features, view.truth())
    return tiled(view, view.samples(100), columns=10)


@picture("samples_5x5")
def samples_5x5(view: View) -> Picture:
    """The first 25 of the same samples, as experiment A shows them."""
    return tiled(view, view.samples(25), columns=5)
