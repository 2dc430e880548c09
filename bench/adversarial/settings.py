"""What every GAN is set by; no torch here, so that a model is configured without it."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from bench.config import LARGEST, Activation, ModelSettings, Norm

Lipschitz = Literal["none", "clip", "gradient_penalty", "r1_r2", "spectral_norm"]
ClassAct = Literal["none", "sigmoid"]


class GanSettings(ModelSettings):
    """Settings that every GAN has."""

    latent_dim: int = Field(16, ge=1, le=1024, description="size of z")
    loss: str = Field("non_saturating", description="registered loss of the two players")
    n_critic: int = Field(1, ge=1, le=1000, description="opponent's steps per generator step (k)")
    pack: int = Field(1, ge=1, le=4, description="samples that the opponent sees at once (m)")
    lipschitz: Lipschitz = Field("none", description="what bounds the opponent's slope")
    clip_value: float = Field(
        0.05, gt=0, le=LARGEST, description="clip: every parameter stays within +- this"
    )
    gp_weight: float = Field(
        10.0,
        gt=0,
        le=LARGEST,
        description="gradient_penalty: its weight (lambda); r1_r2: that of both (gamma)",
    )
    r1_weight: float = Field(
        0.0, ge=0, le=LARGEST, description="weight of the R1 penalty (gamma); 0: none"
    )
    r1_every: int = Field(1, ge=1, le=1000, description="steps from one R1 penalty to the next")
    average: float = Field(
        0.0, ge=0, lt=1, description="decay of the generator's moving average; 0: none"
    )
    lr: float = Field(1e-3, gt=0, le=LARGEST, description="learning rate of both players")
    generator_lr: float = Field(
        0.0, ge=0, le=LARGEST, description="learning rate of the generator; 0: that of both"
    )
    optimizer: Literal["adam", "rmsprop"] = Field("adam", description="of both players")
    beta1: float = Field(0.5, ge=0, lt=1, description="Adam's momentum")
    beta2: float = Field(0.999, ge=0, lt=1, description="Adam's smoothing of squares")

    @model_validator(mode="after")
    def _one_r1(self) -> Self:
        if self.lipschitz == "r1_r2" and self.r1_weight:
            raise ValueError(
                f"lipschitz=r1_r2 has R1 in it, whose weight is gp_weight={self.gp_weight:g}: leave "
                "r1_weight at 0"
            )
        return self

    @property
    def penalises_gradients(self) -> bool:
        """Whether a loss asks for the score's gradient at single images."""
        return self.lipschitz in {"gradient_penalty", "r1_r2"} or self.r1_weight > 0

    @property
    def discriminator_norm(self) -> Norm:
        """What leaves the bound alone: batch norm, layer norm with a penalty, none with spectral norm."""
        if self.lipschitz == "spectral_norm":
            return "none"
        return "layer" if self.penalises_gradients else "batch"


class ConvGanSettings(GanSettings):
    """Settings that every convolutional GAN has."""

    depth: int = Field(3, ge=1, le=5, description="strided layers in each player")
    width: int = Field(16, ge=1, le=512, description="channels of the layer next to the image")
    h_dim: int = Field(128, ge=1, le=16_384, description="features before the score")
    generator_act: Activation = Field("relu", description="between the generator's layers")
    norm: Literal["auto", "batch", "layer", "none"] = Field(
        "auto", description="in the opponent; auto: batch, layer with a penalty, none with spectral"
    )

    @model_validator(mode="after")
    def _norm_leaves_the_bound_alone(self) -> Self:
        if self.norm == "batch" and self.penalises_gradients:
            raise ValueError(
                "norm=batch makes one image's score depend on the others, and a gradient penalty "
                "is about single images: take norm=layer or none"
            )
        if self.lipschitz == "spectral_norm" and self.norm not in {"auto", "none"}:
            raise ValueError(
                f"norm={self.norm} scales what spectral_norm has bounded: leave norm at auto"
            )
        return self

    @property
    def discriminator_norm(self) -> Norm:
        """The normalisation of the discriminator's layers."""
        return super().discriminator_norm if self.norm == "auto" else self.norm


class VaeGanSettings(ModelSettings):
    """Settings that every VAE-GAN has."""

    latent_dim: int = Field(16, ge=1, le=1024, description="size of z")
    loss: str = Field("non_saturating", description="registered loss of decoder and discriminator")
    kl_weight: float = Field(1.0, ge=0, le=LARGEST, description="KL factor of the encoder's loss")
    gamma: float = Field(
        1e-3, ge=0, le=LARGEST, description="weight of likeness in the decoder's loss"
    )
    lr: float = Field(2e-3, gt=0, le=LARGEST, description="learning rate of the three networks")
    beta1: float = Field(0.5, ge=0, lt=1, description="Adam's momentum")
    beta2: float = Field(0.999, ge=0, lt=1, description="Adam's smoothing of squares")
