"""The detector of MNIST: 64 features."""

from bench.detectors import DETECTORS, DetectorKind
from bench.detectors._classifier import Recipe

DETECTORS.add(
    "mnist",
    DetectorKind(
        dataset="mnist",
        recipe=Recipe(dim=64, epochs=6, batch_size=128, lr=5e-3, shift=2),
        summary="classifier of MNIST",
        shipped=True,
        min_accuracy=0.99,
    ),
)
