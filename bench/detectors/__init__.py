"""Feature networks: a table of data sets' classifiers, and a file for each that takes any images.

Weights of the shipped ones lie in ``weights/``, made by ``bench detectors train``; the same
command makes one for any other data set with labels, kept under ``BENCH_DATA``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.contracts import Detector
from bench.detectors._classifier import Recipe
from bench.detectors._published import Published
from bench.registry import Registry

WEIGHTS = Path(__file__).parent / "weights"


@dataclass(frozen=True, kw_only=True)
class Fixed:
    """A feature network that is not trained here and takes images of any data set.

    Attributes:
        dim: Number of features.
        digest: Gives that of its weights; raises ``Unavailable`` where they are not here.
        load: Gives the detector; raises likewise.
        weights: How they are had; None where there are none to download.
    """

    dim: int
    digest: Callable[[], str]
    load: Callable[[], Detector]
    weights: Published | None = None


@dataclass(frozen=True, kw_only=True)
class DetectorKind:
    """A registered feature network.

    Attributes:
        summary: One line for lists.
        fixed: A network that is not trained here; None for the classifier of a data set, to
            which all that follows belongs.
        dataset: The data set whose classes it knows, on whose train split it is trained.
        recipe: How.
        shipped: Whether its weights lie in the package.
        trained_on: What it was trained on, where that is a part of the data set's published
            train images; it is the data set's own detector all the same.
        min_accuracy: Test accuracy below which it is not stored.
    """

    summary: str
    fixed: Fixed | None = None
    dataset: str = ""
    recipe: Recipe = field(default_factory=Recipe)
    shipped: bool = False
    trained_on: str = ""
    min_accuracy: float = 0.0


DETECTORS: Registry[DetectorKind] = Registry("detector", "bench.detectors")
