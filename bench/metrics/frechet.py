"""Frechet distance: ``fd_<detector>_n<count>``, in Inception's features ``fid_n<count>``."""

from __future__ import annotations

from bench.distances.frechet import frechet_distance, moments
from bench.evaluation.view import View
from bench.measures import feature_name
from bench.metrics import metric


@metric("frechet", when="validation", per_detector=True)
def frechet(view: View) -> dict[str, float]:
    """Frechet distance of samples to the held-out split, at equal counts; lower is better.

    Heusel et al. 2017, arXiv 1706.08500, eq. 6. As many images as features or fewer are
    refused; what ``measures.is_coarse`` says of n and the features is to be shown beside it.
    """
    detector = view.detector().name
    dim = view.real_features(view.split, 1).features.shape[1]
    why = f" for {dim} features: use a smaller detector, or read the kernel distance (kd)"
    counts = view.counts_from(dim + 1, why)
    return {
        feature_name("fd", detector, n): frechet_distance(*map(moments, view.features(n)))
        for n in counts
    }
