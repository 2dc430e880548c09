"""The networks of ``cgan``: what sees a class beside its image or its z."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bench.adversarial.game import conv_generator
from bench.adversarial.settings import ClassAct, ConvGanSettings
from bench.labels import join_class
from bench.networks import LEAK, ConvEncoder, LeakyReLU, Linear
from bench.records import DataSpec


@dataclass(frozen=True, kw_only=True)
class Head:
    """How the discriminator makes a score of features and class.

    Attributes:
        kind: ``affine`` or ``projection``.
        extra_layers: Of affine: layers between the joined vector and the score.
        feature_norm: Batch norm on the features before the class.
        class_dim: Of affine: size of the class embedding; 0: one-hot.
        class_act: Behind the embedding: ``none`` or ``sigmoid``.
    """

    kind: str
    extra_layers: int
    feature_norm: bool
    class_dim: int
    class_act: ClassAct


class ClassVector(nn.Module):
    """Appends the class to a vector: as one-hot, or as a learned embedding, maybe behind a sigmoid."""

    def __init__(self, num_classes: int, dim: int, act: ClassAct) -> None:
        super().__init__()
        self.num_classes, self.dim = num_classes, dim or num_classes
        self.embedding = nn.Embedding(num_classes, dim) if dim else None
        self.act = nn.Sigmoid() if act == "sigmoid" else nn.Identity()

    def forward(self, vectors: Tensor, labels: Tensor) -> Tensor:
        """``[N, D]`` and int64 ``[N]`` to ``[N, D + dim]``."""
        if self.embedding is None:
            return join_class(vectors, labels, self.num_classes)
        return torch.cat([vectors, self.act(self.embedding(labels))], dim=1)


class Generator(nn.Module):
    """z and class to an image."""

    def __init__(
        self, settings: ConvGanSettings, spec: DataSpec, *, class_dim: int, class_act: ClassAct
    ) -> None:
        super().__init__()
        self.join = ClassVector(spec.num_classes, class_dim, class_act)
        self.net = conv_generator(
            settings, spec, class_dim=self.join.dim, act=settings.generator_act
        )

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """``[N, latent_dim]`` and int64 ``[N]`` to images in [0, 1]."""
        images: Tensor = self.net(self.join(z, labels))
        return images


class Discriminator(nn.Module):
    """Image and class to a score: the convolutional features h(x) meet the class y in the head.

    affine: w.h + v(y), where the class never reaches the gradient at the image but as a
    scale; with extra layers, a network of (h, y). projection: w.h + V_y.h (Miyato and
    Koyama 2018, arXiv 1802.05637, eq. 3), where it turns the gradient.
    """

    def __init__(self, settings: ConvGanSettings, spec: DataSpec, head: Head) -> None:
        super().__init__()
        dim = settings.h_dim
        self.features = ConvEncoder(
            spec.shape,
            depth=settings.depth,
            width=settings.width,
            out_dim=dim,
            norm=settings.discriminator_norm,
        )
        self.norm = nn.BatchNorm1d(dim) if head.feature_norm else nn.Identity()
        self.directions = None
        if head.kind == "projection":
            self.directions = nn.Embedding(spec.num_classes, dim)
            # As long as the weights of the score: N(0, 1) would drown them at first.
            nn.init.normal_(self.directions.weight, std=dim**-0.5)
        self.join = None
        if head.kind == "affine":
            self.join = ClassVector(spec.num_classes, head.class_dim, head.class_act)
        wide = dim if self.join is None else dim + self.join.dim
        extra = [
            part for _ in range(head.extra_layers) for part in (Linear(wide, wide), LeakyReLU())
        ]
        self.score = nn.Sequential(*extra, Linear(wide, 1))

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """``[N, C, H, W]`` and int64 ``[N]`` to raw scores ``[N]``."""
        hidden = self.norm(nn.functional.leaky_relu(self.features(images), LEAK))
        joined = hidden if self.join is None else self.join(hidden, labels)
        score: Tensor = self.score(joined).squeeze(1)
        if self.directions is None:
            return score
        projection: Tensor = (self.directions(labels) * hidden).sum(1)
        return score + projection
