"""Conditional DCGAN (Mirza and Osindero 2014, arXiv 1411.1784), the variants of experiment D."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from bench.adversarial.settings import ClassAct, ConvGanSettings
from bench.models import Preset, model
from bench.records import DataSpec, Scalar

if TYPE_CHECKING:
    from bench.contracts import Trainable


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
    class_act: ClassAct = Field("none", description="behind the class embeddings")

    @model_validator(mode="after")
    def _only_what_the_head_has(self) -> Self:
        if self.head == "projection" and (self.extra_layers or self.class_dim):
            raise ValueError(
                f"extra_layers={self.extra_layers} and class_dim={self.class_dim} belong to "
                "head=affine: head=projection joins nothing, leave both at 0"
            )
        if self.class_act != "none" and not (self.class_dim or self.generator_class_dim):
            raise ValueError(
                f"class_act={self.class_act} is for a class embedding, and both players see the "
                "class as one-hot: set class_dim or generator_class_dim, or class_act=none"
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


ORIGINAL = "experiment D: features and class, then an affine map"
AFFINE: dict[str, Scalar] = {
    "model.head": "affine",
    "model.h_dim": 400,
    "model.depth": 3,
    "model.width": 64,
    "model.latent_dim": 100,
    "model.lr": 2e-4,
}
EMBEDDED: dict[str, Scalar] = {**AFFINE, "model.class_act": "sigmoid"}


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
            f"{ORIGINAL}, embedding of 10 behind a sigmoid", {**EMBEDDED, "model.class_dim": 10}
        ),
        "experiment_d_embedding_200": Preset(
            f"{ORIGINAL}, embeddings of 200 behind a sigmoid in both players",
            {**EMBEDDED, "model.class_dim": 200, "model.generator_class_dim": 200},
        ),
        "experiment_d_embedding_200_discriminator": Preset(
            f"{ORIGINAL}, embedding of 200 behind a sigmoid", {**EMBEDDED, "model.class_dim": 200}
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
    from bench.adversarial.game import adversarial_game
    from bench.labels import require_classes
    from bench.models._cgan import Discriminator, Generator, Head

    require_classes(spec, "cgan")
    head = Head(
        kind=settings.head,
        extra_layers=settings.extra_layers,
        feature_norm=settings.feature_norm,
        class_dim=settings.class_dim,
        class_act=settings.class_act,
    )
    return adversarial_game(
        settings,
        spec,
        generator=Generator(
            settings, spec, class_dim=settings.generator_class_dim, class_act=settings.class_act
        ),
        discriminator=Discriminator(settings, spec, head),
        conditional=True,
    )
