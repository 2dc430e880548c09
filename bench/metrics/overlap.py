"""Fidelity and variety apart: ``precision_<detector>_n<count>``, recall, density, coverage."""

from __future__ import annotations

from dataclasses import asdict

from bench.distances.neighbours import K, overlap
from bench.evaluation.view import View
from bench.measures import feature_name
from bench.metrics import metric


@metric("overlap", per_detector=True)
def precision_recall(view: View) -> dict[str, float]:
    """Precision, recall, density and coverage of samples and held-out split, 5 neighbours.

    Kynkaanniemi et al. 2019, arXiv 1904.06991, eq. 1 and 2; Naeem et al. 2020, arXiv
    2002.09797, eq. 3 and 4; at equal counts. All but density end at 1; higher is better.
    """
    detector = view.detector().name
    return {
        feature_name(name, detector, n): value
        for n in view.counts_from(K + 1, f" for {K} neighbours of each")
        for name, value in asdict(overlap(*view.features(n))).items()
    }
