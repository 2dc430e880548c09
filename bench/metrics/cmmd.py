"""CMMD of samples to the held-out split, in CLIP's embeddings and no others."""

from __future__ import annotations

from dataclasses import replace

from bench.distances.cmmd import cmmd as distance
from bench.errors import required
from bench.evaluation.view import View
from bench.measures import CLIP, feature_name
from bench.metrics import metric


@metric("cmmd")
def cmmd(view: View) -> dict[str, float]:
    """CMMD of samples to the held-out split, at equal counts, in CLIP's embeddings; lower is better.

    Jayasumana et al. 2023, arXiv 2401.09603: Gaussian kernel of width 10, biased estimator, times
    1000; it needs no more images than features. Nothing where nobody asked for CLIP (``also=clip``).
    """
    reference = view.reference
    detectors = {
        each.name: each for each in (*reference.other_detectors, reference.detector) if each
    }
    why = reference.unavailable.get(feature_name("fd", CLIP), "")
    if CLIP not in detectors and not why:
        return {}
    seen = replace(view, other=required(detectors.get(CLIP), why))
    return {
        feature_name("cmmd", CLIP, n): distance(*seen.features(n)) for n in sorted(set(view.counts))
    }
