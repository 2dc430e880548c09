"""Kernel distance: ``kd_<detector>_n<count>``, in Inception's features ``kid_n<count>``."""

from __future__ import annotations

from bench.distances.kernel import FEWEST, mmd_squared
from bench.evaluation.view import View
from bench.measures import feature_name
from bench.metrics import metric


@metric("kernel", per_detector=True)
def kernel(view: View) -> dict[str, float]:
    """Unbiased kernel distance of samples to the held-out split, cubic kernel; lower is better.

    Binkowski et al. 2018, arXiv 1801.01401, section 4, over all n images of both sides and not
    over subsets of 1,000; it needs no more images than features. Around 0 it falls below 0 by
    chance and is not clipped. ``_se`` is its standard error over draws of both sides.
    """
    detector = view.detector().name
    values: dict[str, float] = {}
    for n in view.counts_from(FEWEST, f", {FEWEST} are the fewest"):
        values |= mmd_squared(*view.features(n)).named(feature_name("kd", detector, n))
    return values
