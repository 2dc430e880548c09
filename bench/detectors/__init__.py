"""Feature networks: each file registers the in-domain detector of one data set.

Weights of the registered ones lie in ``weights/``; ``bench detectors train NAME`` makes them,
and makes one for any other data set with labels, kept under ``BENCH_DATA``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.classifier import Recipe
from bench.registry import Registry

WEIGHTS = Path(__file__).parent / "weights"


@dataclass(frozen=True, kw_only=True)
class DetectorKind:
    """An in-domain classifier.

    Attributes:
        dataset: Data set on whose train split it is trained.
        recipe: How.
        summary: One line for ``bench list``.
        min_accuracy: Test accuracy below which it is not shipped.
    """

    dataset: str
    recipe: Recipe
    summary: str
    min_accuracy: float = 0.0


DETECTORS: Registry[DetectorKind] = Registry("detector", "bench.detectors")
