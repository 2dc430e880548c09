"""CLIP ViT-L/14 at 336 pixels, by torch-fidelity's network: the embeddings of CMMD (protocol rule 9).

Jayasumana et al. 2023 (arXiv 2401.09603) compare images by this network's embeddings of length
one (Radford et al. 2021, arXiv 2103.00020). The weights are no part of the package: 0.9 GB,
fetched once or imported from a file.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.detectors import DETECTORS, DetectorKind, Fixed
from bench.detectors._embedding import Embedding, Sight
from bench.detectors._published import Published
from bench.errors import UsageError
from bench.measures import CLIP
from bench.torchvision_import import import_torchvision

DIM = 768

SIGHT = Sight(
    size=336,
    mean=(0.48145466, 0.4578275, 0.40821073),
    std=(0.26862954, 0.26130258, 0.27577711),
    square=True,
)

WEIGHTS = Published(
    name=CLIP,
    title="CLIP",
    url="https://openaipublic.azureedge.net/clip/models/3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02/ViT-L-14-336px.pt",
    sha256="3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02",
    distance="CMMD",
)
"""The publisher gives the digest, in the file's address."""


class UnitLength(nn.Module):
    """Each row of ``[N, D]`` divided by its length."""

    def forward(self, x: Tensor) -> Tensor:
        """A row of zeros stays one."""
        return F.normalize(x)


def network(path: Path) -> nn.Module:
    """torch-fidelity's network of images with the publisher's weights, its embeddings of length one.

    The file is a program of torch's own, from which torch-fidelity takes the weights alone.

    Raises:
        UsageError: The file holds something other than such weights.
    """
    import_torchvision()  # torch-fidelity imports torchvision itself
    from torch_fidelity.feature_extractor_clip import FeatureExtractorCLIP

    try:
        with torch.random.fork_rng(devices=[]):
            extractor = FeatureExtractorCLIP(
                "clip-vit-l-14-336px", ["clip"], feature_extractor_weights_path=str(path)
            )
    except Exception as error:
        raise UsageError(
            f"'{path}' does not hold the weights of CLIP ({type(error).__name__}): {WEIGHTS.remedy}"
        ) from error
    return nn.Sequential(extractor.model.visual, UnitLength())


def load_clip() -> Embedding:
    """The detector with the published weights, the only one that may be called ``clip``.

    Raises:
        Unavailable: They are not there, or no longer what was published.
    """
    digest = WEIGHTS.digest()
    return Embedding(CLIP, digest, DIM, network(WEIGHTS.path), SIGHT)


DETECTORS.add(
    CLIP,
    DetectorKind(
        summary="embeddings of CLIP ViT-L/14 at 336 pixels (rule 9), any images, no classes",
        fixed=Fixed(dim=DIM, digest=WEIGHTS.digest, load=load_clip, weights=WEIGHTS),
    ),
)
