"""The detector of digits: 32 features, 500 test images being too few for more (rule 11)."""

from bench.detectors import DETECTORS, DetectorKind
from bench.detectors._classifier import Recipe

DETECTORS.add(
    "digits",
    DetectorKind(
        dataset="digits",
        recipe=Recipe(dim=32, epochs=60, batch_size=50, lr=1e-2, shift=1),
        summary="classifier of the 8x8 digits",
        shipped=True,
        min_accuracy=0.98,
    ),
)
