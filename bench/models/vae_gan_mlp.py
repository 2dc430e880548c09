"""Fully connected VAE-GAN (Larsen et al. 2016, arXiv 1512.09300), of pictures and of points."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from bench.adversarial.settings import VaeGanSettings
from bench.config import LARGEST, LAYER_SIZES
from bench.models import model
from bench.records import DataSpec

if TYPE_CHECKING:
    from bench.contracts import Trainable


class Settings(VaeGanSettings):
    """Settings of the fully connected VAE-GAN."""

    hidden: str = Field(
        "256-256",
        pattern=LAYER_SIZES,
        examples=["512-256"],
        description="units of encoder and discriminator; the decoder's are these reversed",
    )
    lr: float = Field(1e-3, gt=0, le=LARGEST, description="learning rate of the three networks")


@model(
    "vae_gan_mlp",
    settings=Settings,
    family="hybrid",
    paper="Larsen et al. 2016, arXiv 1512.09300",
)
def build(settings: Settings, spec: DataSpec) -> Trainable:
    """Fully connected VAE-GAN: likeness is measured in the discriminator's last hidden layer.

    The deviations from the paper are those of ``vae_gan``, whose loop it has; layers without
    convolutions are ours.
    """
    from torch import nn

    from bench.models._vae_gan import FlatDiscriminator, vae_gan
    from bench.networks import (
        LeakyReLU,
        MlpDecoder,
        MlpEncoder,
        SymmetricTanh,
        layer_sizes,
    )
    from bench.variational.assembly import Encoder
    from bench.variational.posteriors.diagonal import DiagonalGaussian

    *outer, last = units = layer_sizes(settings.hidden)

    def stack() -> MlpEncoder:
        return MlpEncoder(spec.shape, hidden=outer, out_dim=last, act=LeakyReLU)

    decoder = MlpDecoder(spec.shape, hidden=units[::-1], in_dim=settings.latent_dim, act=LeakyReLU)
    modules: dict[str, nn.Module] = {
        "encoder": Encoder(
            stack(),
            act=LeakyReLU(),
            feature_dim=last,
            num_classes=0,
            size=DiagonalGaussian.size(settings.latent_dim),
        ),
        "decoder": nn.Sequential(decoder, SymmetricTanh()),
        "discriminator": FlatDiscriminator(stack(), last),
    }
    return vae_gan(settings, modules)
