"""Further measures of samples beside held-out images in a detector's features, on request."""

from __future__ import annotations

from bench.distances.clipped import clipped
from bench.distances.pairs import K
from bench.distances.vendi import vendi_score
from bench.evaluation.view import View
from bench.measures import feature_name
from bench.metrics import beside_real, metric


@metric("clipped_overlap", when="request", per_detector=True)
def clipped_overlap(view: View) -> dict[str, float]:
    """Clipped density and coverage, 5 neighbours: shares of good samples and of what they cover.

    Salvy et al. 2025, arXiv 2507.01761; at equal counts, 0 to 1, higher is better. An outlier
    among the real images, or a sample in many balls, counts no more than any other.
    """
    detector = view.detector().name
    values: dict[str, float] = {}
    for n in view.counts_from(K + 1, f" for {K} neighbours of each"):
        fake, real = view.features(n)
        for name, value in clipped(real, fake)._asdict().items():
            values[feature_name(f"clipped_{name}", detector, n)] = value
    return values


@metric("vendi", when="request", per_detector=True)
def vendi(view: View) -> dict[str, float]:
    """Vendi score of the samples, with that of real images: how many different ones there are.

    Friedman and Dieng 2022, arXiv 2210.02410, of the cosines of features: 1 to the number of
    features. It says nothing of quality: noise may have more than real images.
    """
    detector = view.detector().name
    values: dict[str, float] = {}
    for n in sorted(set(view.counts)):
        values |= beside_real(feature_name("vendi", detector, n), vendi_score, view.features(n))
    return values
