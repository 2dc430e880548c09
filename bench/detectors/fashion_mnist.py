"""The detector of Fashion-MNIST: 64 features.

No weights are shipped: the recipe was written where there were no images of it, after MNIST's,
and has not been measured. ``bench detectors train fashion_mnist`` says what it reaches.
"""

from bench.detectors import DETECTORS, DetectorKind
from bench.detectors._classifier import Recipe

# Clothes fill the image and are symmetric: moved by one pixel less than digits, and mirrored.
DETECTORS.add(
    "fashion_mnist",
    DetectorKind(
        dataset="fashion_mnist",
        recipe=Recipe(dim=64, epochs=12, batch_size=128, lr=5e-3, shift=1, flip=True),
        summary="classifier of Fashion-MNIST",
    ),
)
