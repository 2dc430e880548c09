"""The in-domain feature network: a small classifier of ours, trained by a fixed recipe."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.errors import UsageError
from bench.files import file_digest
from bench.images import to_unit
from bench.modules import place
from bench.networks import Shape, grids, strides
from bench.pieces import piece, stoppable
from bench.runtime import generator, seeded_modules
from bench.tensor_file import read_tensors

CHUNK = 500


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a classifier is built and trained; fixed per data set, no choice by any split.

    Attributes:
        dim: Features, taken before the last non-linearity (protocol rule 11).
        width: Channels of the first layer.
        residual: Whether the network is the deeper one, see ``Classifier``.
        epochs: Passes over the train split.
        batch_size: Images per step.
        lr: Peak of the one-cycle schedule of Adam.
        shift: Largest random translation in pixels, each axis.
        flip: Whether half of the images are mirrored, left for right.
        seed: Of weights, order and translations.
    """

    dim: int = 64
    width: int = 24
    residual: bool = False
    epochs: int = 12
    batch_size: int = 128
    lr: float = 3e-3
    shift: int = 2
    flip: bool = False
    seed: int = 0


class Classifier(nn.Module):
    """Convolutions, linear features ``[N, dim]``, ReLU, linear head ``[N, classes]``.

    Plain: three layers, two of them strided. Residual: three strided ones, behind the second
    and third a block of two more (He et al. 2016), and maxima of a 2 x 2 grid.
    """

    def __init__(self, shape: Shape, num_classes: int, recipe: Recipe) -> None:
        super().__init__()
        layers = _residual_layers if recipe.residual else _plain_layers
        self.layers, num_outputs = layers(shape, recipe.width)
        self.dropout = nn.Dropout(0.3)
        self.features = nn.Linear(num_outputs, recipe.dim)
        self.head = nn.Linear(recipe.dim, num_classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images in [0, 1] to features and logits."""
        features = self.features(self.dropout(self.layers(images).flatten(1)))
        return features, self.head(F.relu(features))


class ClassifierDetector:
    """A trained classifier as a detector.

    Attributes:
        name: Of the data set whose classes it knows.
        digest: First 16 hex digits of the SHA-256 of the weights file.
        dim: Number of features.
        own_classes: Whether it is to see the data set that it was trained on.
    """

    own_classes = False

    def __init__(self, name: str, net: Classifier, digest: str) -> None:
        self.name, self.digest, self.dim = name, digest, net.head.in_features
        self._net = net.eval().requires_grad_(False)

    @torch.no_grad()
    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """uint8 ``[N, C, H, W]`` to features and class probabilities, float64."""
        place(self._net, images.device)
        return features_and_probs(
            self._net(to_unit(chunk)) for chunk in stoppable(images.split(piece(CHUNK)))
        )


def features_and_probs(outs: Iterable[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Float64, of the features and logits that a network gives of each chunk of images."""
    features, logits = (torch.cat(chunks).double() for chunks in zip(*outs, strict=True))
    return features, logits.softmax(1)


def train(
    shape: Shape, num_classes: int, images: Tensor, labels: Tensor, recipe: Recipe
) -> Classifier:
    """A classifier trained on uint8 images of the train split alone.

    Args:
        shape: One image, ``(C, H, W)``.
        num_classes: Number of classes.
        images: uint8 ``[N, C, H, W]``.
        labels: int64 ``[N]``.
        recipe: How.
    """
    with seeded_modules(recipe.seed):
        net = Classifier(shape, num_classes, recipe)
    place(net, images.device)
    rng = generator("detector", recipe.seed)
    batch_size = min(recipe.batch_size, len(images))
    batches = len(images) // batch_size
    optimizer = torch.optim.AdamW(net.parameters(), lr=recipe.lr, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.lr, total_steps=recipe.epochs * batches
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)  # dropout draws from torch's own generator
        for _ in range(recipe.epochs):
            order = torch.randperm(len(images), generator=rng)
            for index in order.split(batch_size)[:batches]:
                batch = shifted(to_unit(images[index]), recipe.shift, rng)
                batch = mirrored(batch, rng) if recipe.flip else batch
                loss = F.cross_entropy(net(batch)[1], labels[index])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
    net.eval()
    return net


def shifted(images: Tensor, limit: int, rng: torch.Generator) -> Tensor:
    """Each image translated by up to ``limit`` pixels on each axis, zeros moving in."""
    n, channels, height, width = images.shape
    padded = F.pad(images, (limit,) * 4)
    by = torch.randint(2 * limit + 1, (2, n), generator=rng)
    rows = (torch.arange(height) + by[0, :, None])[:, None, :, None]
    cols = (torch.arange(width) + by[1, :, None])[:, None, None, :]
    batch = torch.arange(n)[:, None, None, None]
    return padded[batch, torch.arange(channels)[None, :, None, None], rows, cols]


def mirrored(images: Tensor, rng: torch.Generator) -> Tensor:
    """Each image turned left for right with probability 1/2."""
    turned = torch.rand(len(images), generator=rng) < 0.5
    return torch.where(turned[:, None, None, None], images.flip(3), images)


def accuracy(net: Classifier, images: Tensor, labels: Tensor) -> float:
    """Share of uint8 images whose class is right."""
    _, probs = ClassifierDetector("", net, "")(images)
    return float((probs.argmax(1) == labels).double().mean())


def load(name: str, path: Path) -> tuple[ClassifierDetector, dict[str, str]]:
    """The detector whose weights lie at ``path``, and the facts written beside them.

    Raises:
        UsageError: The file cannot be read as a detector of ours.
    """
    try:
        state, known = read_tensors(path)
        recipe = Recipe(**json.loads(known["recipe"]))
        channels, height, width = json.loads(known["shape"])
        net = Classifier((channels, height, width), int(known["num_classes"]), recipe)
        net.load_state_dict(state)
    except Exception as error:
        raise UsageError(
            f"detector weights {path.name} cannot be read ({type(error).__name__}): make them "
            f"again with `bench detectors train {name}`"
        ) from error
    return ClassifierDetector(name, net, file_digest(path)[:16]), known


class _Block(nn.Module):
    """x plus two layers of x."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*_layer(width, width), *_layer(width, width))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.layers(x)
        return out


def _plain_layers(shape: Shape, width: int) -> tuple[nn.Sequential, int]:
    """The layers, and the number of their outputs for one image."""
    first, second = strides(shape, 2)
    layers = [
        *_layer(shape[0], width, first),
        *_layer(width, 2 * width),
        *_layer(2 * width, 3 * width, second),
    ]
    return nn.Sequential(*layers), 3 * width * math.prod(grids(shape, 2)[2])


def _residual_layers(shape: Shape, width: int) -> tuple[nn.Sequential, int]:
    first, second, third = strides(shape, 3)
    layers = [
        *_layer(shape[0], width, first),
        *_layer(width, 2 * width, second),
        _Block(2 * width),
        *_layer(2 * width, 4 * width, third),
        _Block(4 * width),
        nn.AdaptiveMaxPool2d(2),
    ]
    return nn.Sequential(*layers), 4 * width * 2 * 2


def _layer(before: int, after: int, stride: tuple[int, int] = (1, 1)) -> list[nn.Module]:
    conv = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
    return [conv, nn.BatchNorm2d(after), nn.ReLU()]
