"""Conditional DCGAN (Mirza and Osindero 2014, arXiv 1411.1784), the variants of experiment D."""

from __future__ import annotations

from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from bench.adversarial.game import ConvGanSettings, adversarial_game, conv_generator
from bench.contracts import Trainable
from bench.labels import join_class, require_classes
from bench.models import Preset, model
from bench.networks import LEAK, ConvEncoder, LeakyReLU
from bench.records import DataSpec, Scalar


class Settings(ConvGanSettings):
    """Settings of the conditional GAN."""

    h_dim: int = Field(
        200, ge=1, le=16_384, description="features that meet the class in the discriminator"
    )
    head: Literal["affine", "projection"] = Field(
        "projection", description="how features and class become a score"
    )
    extra_layers: int = Field(
        0, ge=0, le=4, description="affine: layers between the joined vector and the score"
    )
    feature_norm: bool = Field(False, description="batch norm on the features before the class")
    class_dim: int = Field(
        0,
        ge=0,
        le=16_384,
        description="affine: size of the discriminator's class embedding; 0: one-hot",
    )
    generator_class_dim: int = Field(
        0, ge=0, le=16_384, description="size of the generator's class embedding; 0: one-hot"
    )

    @model_validator(mode="after")
    def _only_what_the_head_has(self) -> Self:
        if self.head == "projection" and (self.extra_layers or self.class_dim):
            raise ValueError(
                f"extra_layers={self.extra_layers} and class_dim={self.class_dim} belong to "
                "head=affine: head=projection joins nothing, leave both at 0"
            )
        if self.feature_norm and self.lipschitz == "spectral_norm":
            raise ValueError(
                "feature_norm=True scales what spectral_norm has bounded: leave it false"
            )
        if self.feature_norm and self.penalises_gradients:
            raise ValueError(
                "feature_norm=True makes one image's score depend on the others, and a gradient "
                "penalty is about single images: leave it false"
            )
        return self


class ClassVector(nn.Module):
    """Appends the class to a vector: as one-hot, or as a learned embedding."""

    def __init__(self, num_classes: int, dim: int) -> None:
        super().__init__()
        self.num_classes, self.dim = num_classes, dim or num_classes
        self.embedding = nn.Embedding(num_classes, dim) if dim else None

    def forward(self, vectors: Tensor, labels: Tensor) -> Tensor:
        """``[N, D]`` and int64 ``[N]`` to ``[N, D + dim]``."""
        if self.embedding is None:
            return join_class(vectors, labels, self.num_classes)
        return torch.cat([vectors, self.embedding(labels)], dim=1)


class Generator(nn.Module):
    """z and class to an image."""

    def __init__(self, settings: Settings, spec: DataSpec) -> None:
        super().__init__()
        self.join = ClassVector(spec.num_classes, settings.generator_class_dim)
        self.net = conv_generator(settings, spec, class_dim=self.join.dim)

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

    def __init__(self, settings: Settings, spec: DataSpec) -> None:
        super().__init__()
        dim = settings.h_dim
        self.features = ConvEncoder(
            spec.shape,
            depth=settings.depth,
            width=settings.width,
            out_dim=dim,
            norm=settings.discriminator_norm,
        )
        self.norm = nn.BatchNorm1d(dim) if settings.feature_norm else nn.Identity()
        self.directions = None
        if settings.head == "projection":
            self.directions = nn.Embedding(spec.num_classes, dim)
            # As long as the weights of the score: N(0, 1) would drown them at first.
            nn.init.normal_(self.directions.weight, std=dim**-0.5)
        self.join = (
            ClassVector(spec.num_classes, settings.class_dim) if settings.head == "affine" else None
        )
        wide = dim if self.join is None else dim + self.join.dim
        extra = [
            part
            for _ in range(settings.extra_layers)
            for part in (nn.Linear(wide, wide), LeakyReLU())
        ]
        self.score = nn.Sequential(*extra, nn.Linear(wide, 1))

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """``[N, C, H, W]`` and int64 ``[N]`` to raw scores ``[N]``."""
        hidden = self.norm(nn.functional.leaky_relu(self.features(images), LEAK))
        joined = hidden if self.join is None else self.join(hidden, labels)
        score: Tensor = self.score(joined).squeeze(1)
        if self.directions is None:
            return score
        projection: Tensor = (self.directions(labels) * hidden).sum(1)
        return score + projection


ORIGINAL = "experiment D: features and class, then an affine map"
AFFINE: dict[str, Scalar] = {
    "model.head": "affine",
    "model.h_dim": 400,
    "model.depth": 3,
    "model.width": 64,
    "model.latent_dim": 100,
    "model.lr": 2e-4,
}


@model(
    "cgan",
    settings=Settings,
    family="gan",
    paper=(
        "Mirza and Osindero 2014, arXiv 1411.1784; projection after Miyato and Koyama 2018, "
        "arXiv 1802.05637"
    ),
    defaults={"train.batch_size": 32},
    presets={
        "experiment_d": Preset(f"{ORIGINAL}, 400 features, one-hot", AFFINE),
        "experiment_d_100": Preset(f"{ORIGINAL}, 100 features", {**AFFINE, "model.h_dim": 100}),
        "experiment_d_200": Preset(f"{ORIGINAL}, 200 features", {**AFFINE, "model.h_dim": 200}),
        "experiment_d_batch_norm": Preset(
            f"{ORIGINAL}, batch norm on the features", {**AFFINE, "model.feature_norm": True}
        ),
        "experiment_d_embedding_10": Preset(
            f"{ORIGINAL}, embedding of 10", {**AFFINE, "model.class_dim": 10}
        ),
        "experiment_d_embedding_200": Preset(
            f"{ORIGINAL}, embeddings of 200 in both players",
            {**AFFINE, "model.class_dim": 200, "model.generator_class_dim": 200},
        ),
        "experiment_d_embedding_200_discriminator": Preset(
            f"{ORIGINAL}, embedding of 200", {**AFFINE, "model.class_dim": 200}
        ),
        "experiment_d_extra_layers": Preset(
            f"{ORIGINAL}, two layers behind the class", {**AFFINE, "model.extra_layers": 2}
        ),
        "experiment_d_projection": Preset(
            "Miyato and Koyama 2018, arXiv 1802.05637, at experiment D's sizes",
            {**AFFINE, "model.head": "projection"},
        ),
    },
)
def build(settings: Settings, spec: DataSpec) -> Trainable:
    """Conditional convolutional GAN; its discriminator projects onto the class by default."""
    require_classes(spec, "cgan")
    return adversarial_game(
        settings,
        spec,
        generator=Generator(settings, spec),
        discriminator=Discriminator(settings, spec),
        conditional=True,
    )
