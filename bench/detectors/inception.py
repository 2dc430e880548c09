"""Inception-v3 with the original TensorFlow weights, by torch-fidelity (protocol rule 9).

The distance in its features alone is called FID (Heusel et al. 2017, arXiv 1706.08500). The
weights are no part of the package: 91 MB, fetched once or imported from a file.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from bench.detectors import DETECTORS, DetectorKind, Fixed
from bench.detectors._classifier import features_and_probs
from bench.detectors._published import Published
from bench.errors import UsageError
from bench.files import file_digest
from bench.modules import place
from bench.pieces import piece, stoppable
from bench.torchvision_import import import_torchvision

DIM = 2048
CHUNK = 25  # images at 299 x 299 whose largest layer takes 140 MB
WEIGHTS = Published(
    name="inception",
    title="Inception",
    url="https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth",
    sha256="6726825d",
    distance="FID",
    option="--inception-weights FILE",
)
"""The publisher gives the first eight hex digits of the digest, in the file's name."""


class Inception:
    """torch-fidelity's network as a detector: 2048 pooled features, ImageNet's classes.

    Probabilities are the softmax of the logits without their bias, as in the original
    Inception score's code. Gray images become three equal channels, and the network resizes
    uint8 images the way the original does.

    Args:
        path: Weights in torch-fidelity's form.
        name: In every metric's name; ``inception`` belongs to the published weights.

    Attributes:
        name: As given.
        digest: First 16 hex digits of the SHA-256 of the weights' file.
        dim: Number of features.
        own_classes: Its classes are ImageNet's.

    Raises:
        UsageError: The file holds something other than this network's weights.
    """

    dim = DIM
    own_classes = False

    def __init__(self, path: Path, *, name: str) -> None:
        self.name, self.digest = name, file_digest(path)[:16]
        self._net = _network(path)

    @torch.no_grad()
    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """uint8 ``[N, C, H, W]``, C 1 or 3, to features and ImageNet's probabilities, float64."""
        place(self._net, images.device)
        colour = images.expand(-1, 3, -1, -1)
        chunks = stoppable(colour.split(piece(CHUNK)))
        return features_and_probs(self._net(chunk) for chunk in chunks)


def _network(path: Path) -> torch.nn.Module:
    import_torchvision()  # torch-fidelity imports torchvision itself
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    try:
        # torch-fidelity reads the file as a pickle that may run code: this refuses such a file.
        torch.load(path, weights_only=True, map_location="cpu")
        with torch.random.fork_rng(devices=[]):
            net: torch.nn.Module = FeatureExtractorInceptionV3(
                "inception", ["2048", "logits_unbiased"], feature_extractor_weights_path=str(path)
            )
    except Exception as error:
        raise UsageError(
            f"'{path}' does not hold the weights of Inception-v3 ({type(error).__name__}): "
            f"{WEIGHTS.remedy}"
        ) from error
    return net


def load_inception() -> Inception:
    """The detector with the published weights, the only one that may be called ``inception``.

    Raises:
        Unavailable: They are not there, or no longer what was published.
    """
    WEIGHTS.digest()
    return Inception(WEIGHTS.path, name="inception")


DETECTORS.add(
    "inception",
    DetectorKind(
        summary="Inception-v3 with the original TensorFlow weights (rule 9), any images",
        fixed=Fixed(dim=DIM, digest=WEIGHTS.digest, load=load_inception, weights=WEIGHTS),
    ),
)
