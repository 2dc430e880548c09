"""Convolutional GAN of depth 1 to 5; DCGAN (Radford et al. 2016, arXiv 1511.06434) is one of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from bench.adversarial.settings import ConvGanSettings
from bench.models import Preset, model
from bench.records import DataSpec, Scalar

if TYPE_CHECKING:
    from bench.contracts import Trainable

RADFORD = (
    "DCGAN after Radford et al. 2016 (z of 100, Adam 2e-4 with momentum 0.5), with our stacks of "
    "3x3 kernels, 64 to 256 channels"
)
DCGAN: dict[str, Scalar] = {
    "model.loss": "non_saturating",
    "model.depth": 3,
    "model.width": 64,
    "model.latent_dim": 100,
    "model.lr": 2e-4,
}
SPECTRAL: dict[str, Scalar] = {
    "model.loss": "hinge",
    "model.lipschitz": "spectral_norm",
    "model.beta1": 0.0,
    "model.beta2": 0.9,
}


class Settings(ConvGanSettings):
    """Settings of the convolutional GAN."""

    loss: str = Field("least_squares", description="registered loss of the two players")
    sigmoid: bool = Field(False, description="squash the score, as experiment E does")

    @model_validator(mode="after")
    def _sigmoid_of_a_score(self) -> Self:
        if self.sigmoid and self.loss != "least_squares":
            raise ValueError(
                f"sigmoid=True is for loss=least_squares, whose targets are 0 and 1: {self.loss} "
                "takes the raw score, leave sigmoid out"
            )
        return self


@model(
    "gan",
    settings=Settings,
    family="gan",
    paper="Mao et al. 2017, arXiv 1611.04076; networks after Radford et al. 2016, arXiv 1511.06434",
    presets={
        "sigmoid": Preset("experiment E's score, else ours", {"model.sigmoid": True}),
        "experiment_a": Preset(f"experiment A: {RADFORD}", DCGAN),
        "experiment_c": Preset(
            "experiment C on SVHN: z of 32, as the VAE, leaky ReLU in the generator; else ours",
            {
                "model.loss": "non_saturating",
                "model.latent_dim": 32,
                "model.generator_act": "leaky_relu",
            },
        ),
        "experiment_d": Preset(f"experiment D's baseline: {RADFORD}", DCGAN),
        "experiment_e": Preset(
            "experiment E: depth 5, z of 100, lr 3e-4, sigmoid before least squares; our stacks, "
            "with a convolution more at the image and 128 features before the score",
            {
                "model.sigmoid": True,
                "model.depth": 5,
                "model.latent_dim": 100,
                "model.lr": 3e-4,
            },
        ),
        "miyato2018": Preset(
            "Miyato et al. 2018, arXiv 1802.05957: 5 steps of the discriminator, lr 2e-4; "
            "24,000 images are too few for it",
            {**SPECTRAL, "model.lr": 2e-4, "model.n_critic": 5},
        ),
        "spectral_norm": Preset("Miyato et al. 2018, lr and steps ours", SPECTRAL),
    },
)
def build(settings: Settings, spec: DataSpec) -> Trainable:
    """Convolutional GAN, least squares on the raw score by default."""
    from torch import nn

    from bench.adversarial.game import adversarial_game, conv_discriminator, conv_generator

    generator = conv_generator(settings, spec, act=settings.generator_act)
    discriminator = conv_discriminator(settings, spec)
    return adversarial_game(
        settings,
        spec,
        generator=generator,
        discriminator=nn.Sequential(discriminator, nn.Sigmoid())
        if settings.sigmoid
        else discriminator,
    )
