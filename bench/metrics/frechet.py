"""Frechet distance on the in-domain detector: ``fd_<detector>_n<count>``."""

from __future__ import annotations

from bench.contracts import View
from bench.gaussians import frechet_distance, moments
from bench.metrics import NotApplicable, metric


@metric("frechet", needs=("detector",), validate=True)
def frechet(view: View) -> dict[str, float]:
    """Frechet distance of samples to the held-out split, at equal counts; lower is better."""
    return {f"fd_{view.detector_name}_n{n}": _distance(view, n) for n in sorted(set(view.counts))}


def _distance(view: View, n: int) -> float:
    fake, real = view.fake(n).features, view.real(view.split, n).features
    if n <= real.shape[1]:
        raise NotApplicable(
            f"{n} images are too few for {real.shape[1]} features: use a smaller detector"
        )
    return frechet_distance(moments(fake), moments(real))
