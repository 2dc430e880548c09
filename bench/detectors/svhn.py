"""The detector of SVHN: 64 features.

No weights are shipped: the recipe was written where there were no images of it, after MNIST's,
and has not been measured. ``bench detectors train svhn`` says what it reaches.
"""

from bench.detectors import DETECTORS, DetectorKind
from bench.detectors._classifier import Recipe

# Never mirrored: a 2 the other way round is no digit.
DETECTORS.add(
    "svhn",
    DetectorKind(
        dataset="svhn",
        recipe=Recipe(dim=64, epochs=6, batch_size=128, lr=5e-3, shift=2),
        summary="classifier of SVHN",
    ),
)
