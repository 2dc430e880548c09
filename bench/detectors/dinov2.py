"""DINOv2 ViT-L/14 by torchvision's transformer: the features of FD-DINOv2 (protocol rule 9).

Stein et al. 2023 (arXiv 2306.04675) measure the Frechet distance in the class token of this
network (Oquab et al. 2023, arXiv 2304.07193) instead of Inception's features. The weights are no
part of the package: 1.2 GB, fetched once or imported from a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.detectors import DETECTORS, DetectorKind, Fixed
from bench.detectors._embedding import Embedding, Sight
from bench.detectors._published import Published
from bench.errors import UsageError
from bench.torchvision_import import import_torchvision

DIM = 1024
PATCH = 14
HEAD_DIM = 64
"""Of every size of this network."""

OFFSET = 0.1
"""What the publisher's code adds to the grid's side where it resizes positions."""

SIGHT = Sight(size=224, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), square=False)

WEIGHTS = Published(
    name="dinov2",
    title="DINOv2",
    url="https://dl.fbaipublicfiles.com/dinov2/dinov2_vitl14/dinov2_vitl14_pretrain.pth",
    sha256="d5383ea8f4877b2472eb973e0fd72d557c7da5d3611bd527ceeb1d7162cbf428",
    distance="FD-DINOv2",
)
"""The publisher gives no digest: it is the one by which several public projects check this file."""

_SCALED = {"ls1": "attn.proj", "ls2": "mlp.fc2"}
_NAMES = {
    "patch_embed.proj": "conv_proj",
    "cls_token": "class_token",
    "pos_embed": "encoder.pos_embedding",
    "blocks.": "encoder.layers.encoder_layer_",
    ".norm1": ".ln_1",
    ".norm2": ".ln_2",
    ".attn.qkv.": ".self_attention.in_proj_",
    ".attn.proj": ".self_attention.out_proj",
    ".mlp.fc1": ".mlp.0",
    ".mlp.fc2": ".mlp.3",
    "norm.": "encoder.ln.",
}


def network(path: Path) -> nn.Module:
    """torchvision's transformer with the publisher's weights, whose head is the class token.

    Raises:
        UsageError: The file holds something other than such weights.
    """
    try:
        return _transformer(torch.load(path, weights_only=True, map_location="cpu"))
    except Exception as error:
        raise UsageError(
            f"'{path}' does not hold the weights of DINOv2 ({type(error).__name__}): "
            f"{WEIGHTS.remedy}"
        ) from error


def _transformer(state: Mapping[str, Tensor]) -> nn.Module:
    state = _as_torchvisions(state)
    width = state["class_token"].shape[-1]
    with torch.device("meta"):  # nothing is drawn: every weight is given
        net: nn.Module = import_torchvision().models.VisionTransformer(
            image_size=SIGHT.size,
            patch_size=PATCH,
            num_layers=sum(name.endswith(".ln_1.weight") for name in state),
            num_heads=width // HEAD_DIM,
            hidden_dim=width,
            mlp_dim=4 * width,
        )
    net.heads = nn.Identity()
    net.load_state_dict(state, assign=True)
    return net


def _as_torchvisions(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The publisher's weights under torchvision's names.

    torchvision has no LayerScale: what it multiplies a linear layer's outputs with is a factor of
    that layer's weights. The token for masked patches takes no part in a whole image.
    """
    given = {name: tensor.float() for name, tensor in state.items() if name != "mask_token"}
    for name in [name for name in given if name.endswith(".gamma")]:
        block, scale, _ = name.rsplit(".", 2)
        layer, gamma = f"{block}.{_SCALED[scale]}", given.pop(name)
        given[f"{layer}.weight"] = gamma[:, None] * given[f"{layer}.weight"]
        given[f"{layer}.bias"] = gamma * given[f"{layer}.bias"]
    given["pos_embed"] = positions(given["pos_embed"], SIGHT.size // PATCH)
    return {_renamed(name): tensor for name, tensor in given.items()}


def _renamed(name: str) -> str:
    for theirs, ours in _NAMES.items():
        name = name.replace(theirs, ours)
    return name


def positions(learned: Tensor, grid: int) -> Tensor:
    """Embeddings of the class token and a square of positions, ``[1, 1 + M^2, D]``, for another square.

    As in the publisher's code: bicubic without antialiasing, by a factor that is not just that of
    the sides.
    """
    token, square = learned[:, :1], learned[:, 1:]
    side = round(square.shape[1] ** 0.5)
    if side == grid:
        return learned
    plane = square.unflatten(1, (side, side)).permute(0, 3, 1, 2)
    factor = (grid + OFFSET) / side
    plane = F.interpolate(plane, scale_factor=(factor, factor), mode="bicubic")
    return torch.cat([token, plane.flatten(2).mT], 1)


def load_dinov2() -> Embedding:
    """The detector with the published weights, the only one that may be called ``dinov2``.

    Raises:
        Unavailable: They are not there, or no longer what was published.
    """
    digest = WEIGHTS.digest()
    return Embedding("dinov2", digest, DIM, network(WEIGHTS.path), SIGHT)


DETECTORS.add(
    "dinov2",
    DetectorKind(
        summary="class token of DINOv2 ViT-L/14 (rule 9), any images, no classes",
        fixed=Fixed(dim=DIM, digest=WEIGHTS.digest, load=load_dinov2, weights=WEIGHTS),
    ),
)
