"""The in-domain feature network: a small classifier of ours, trained by a fixed recipe."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.errors import UsageError
from bench.images import to_unit
from bench.nets import place, sides
from bench.runtime import generator, seeded_modules
from bench.tensor_file import read_facts, read_tensors, write_tensors

CHUNK = 500


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a classifier is built and trained; fixed per data set, no choice by any split.

    Attributes:
        dim: Features, taken before the last non-linearity (protocol rule 11).
        width: Channels of the first layer.
        epochs: Passes over the train split.
        batch_size: Images per step.
        lr: Peak of the one-cycle schedule of Adam.
        shift: Largest random translation in pixels, each axis.
        seed: Of weights, order and translations.
    """

    dim: int = 64
    width: int = 24
    epochs: int = 12
    batch_size: int = 128
    lr: float = 3e-3
    shift: int = 2
    seed: int = 0


class Classifier(nn.Module):
    """Three strided stages, linear features ``[N, dim]``, ReLU, linear head ``[N, classes]``."""

    def __init__(self, shape: tuple[int, int, int], num_classes: int, recipe: Recipe) -> None:
        super().__init__()
        widths = [recipe.width * k for k in (1, 2, 3)]
        rows, cols = sides(shape[1], 2), sides(shape[2], 2)
        self.layers = nn.Sequential(
            *_stage(shape[0], widths[0], (rows[0], rows[1]), (cols[0], cols[1])),
            *_stage(widths[0], widths[1], (1, 1), (1, 1)),
            *_stage(widths[1], widths[2], (rows[1], rows[2]), (cols[1], cols[2])),
        )
        self.dropout = nn.Dropout(0.3)
        self.features = nn.Linear(widths[2] * rows[2] * cols[2], recipe.dim)
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
        own_classes: It was trained on the classes of the data set.
    """

    own_classes = True

    def __init__(self, name: str, net: Classifier, digest: str) -> None:
        self.name, self.digest, self.dim = name, digest, net.head.in_features
        self._net = net.eval().requires_grad_(False)

    @torch.no_grad()
    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """uint8 ``[N, C, H, W]`` to features and class probabilities, float64."""
        place(self._net, images.device)
        outs = [self._net(to_unit(chunk)) for chunk in images.split(CHUNK)]
        features = torch.cat([f for f, _ in outs]).double()
        return features, torch.cat([logits for _, logits in outs]).double().softmax(1)


def train(
    shape: tuple[int, int, int], num_classes: int, images: Tensor, labels: Tensor, recipe: Recipe
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


def accuracy(net: Classifier, images: Tensor, labels: Tensor) -> float:
    """Share of uint8 images whose class is right."""
    _, probs = ClassifierDetector("", net, "")(images)
    return float((probs.argmax(1) == labels).double().mean())


def save(net: Classifier, path: Path, *, facts: dict[str, str], recipe: Recipe) -> None:
    """Writes weights and how they came about as safetensors."""
    write_tensors(path, net.state_dict(), {**facts, "recipe": json.dumps(asdict(recipe))})


def facts(path: Path) -> dict[str, str]:
    """What ``save`` wrote beside the weights."""
    return read_facts(path)


def load(name: str, path: Path) -> ClassifierDetector:
    """The detector whose weights lie at ``path``.

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
    return ClassifierDetector(name, net, hashlib.sha256(path.read_bytes()).hexdigest()[:16])


def _stage(
    before: int, after: int, rows: tuple[int, int], cols: tuple[int, int]
) -> list[nn.Module]:
    stride = (1 if rows[0] == rows[1] else 2, 1 if cols[0] == cols[1] else 2)
    conv = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
    return [conv, nn.BatchNorm2d(after), nn.ReLU()]
