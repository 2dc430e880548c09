"""Where a distance stands: what real images and noise have at the same count."""

from __future__ import annotations

import torch

from bench.config import EvalSettings
from bench.distances.frechet import frechet_distance, moments
from bench.evaluation.reference import ReferenceData
from bench.metrics._evaluate import num_samples
from bench.runtime import generator

REAL, NOISE = "real images", "uniform noise"


def distance_scale(reference: ReferenceData, settings: EvalSettings) -> dict[str, float]:
    """Frechet distances to the test images at a run's count: of train images, and of noise.

    Both are of one draw: a scale to read a number by, no floor to test against (protocol rule 12
    has those). Empty where there is no detector, or too few images for it.
    """
    detector, n = reference.detector, num_samples(settings, reference)[1]
    if detector is None or n <= detector.dim or n > len(reference.images("train")):
        return {}
    held = moments(reference.real_features("test", n, detector).features)
    train = reference.real_features("train", n, detector).features
    shape = (n, *reference.spec.shape)
    noise = torch.randint(256, shape, generator=generator("scale"), dtype=torch.uint8)
    seen, _ = detector(noise.to(reference.device))
    return {
        REAL: frechet_distance(moments(train), held),
        NOISE: frechet_distance(moments(seen), held),
    }
