"""Samples of one fixed noise."""

from __future__ import annotations

import numpy as np

from bench.evaluation.view import View
from bench.images import Picture
from bench.pictures import picture, tiled
from bench.pictures._chart import plane

POINTS = 2_000


@picture("samples")
def samples(view: View) -> Picture:
    """10 x 10 samples, uncurated, of the same noise at every cadence; of points 2,000 in the plane."""
    if view.spec.extent:
        return _in_the_plane(view)
    return tiled(view, view.samples(100), columns=10)


@picture("samples_5x5")
def samples_5x5(view: View) -> Picture:
    """The first 25 of the same samples, as experiment A shows them."""
    return tiled(view, view.samples(25), columns=5)


def _in_the_plane(view: View) -> Picture:
    """Points over the true modes, each a circle of three standard deviations."""
    truth, n = view.truth(), min(POINTS, view.max_samples)
    points = view.generated_features(n).features.cpu().numpy()
    return plane(points, np.asarray(truth.means), 3 * truth.sd, extent=truth.extent)
