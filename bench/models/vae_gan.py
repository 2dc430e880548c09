"""VAE-GAN (Larsen et al. 2016, arXiv 1512.09300): a VAE whose decoder is a GAN's generator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from bench.adversarial.settings import VaeGanSettings
from bench.models import model
from bench.records import DataSpec

if TYPE_CHECKING:
    from torch import nn

    from bench.contracts import Trainable


class Settings(VaeGanSettings):
    """Settings of the convolutional VAE-GAN."""

    depth: int = Field(3, ge=1, le=5, description="strided layers in each of the three networks")
    width: int = Field(16, ge=1, le=512, description="channels of the layer next to the image")
    h_dim: int = Field(
        128, ge=1, le=16_384, description="features before the latent heads and the score"
    )


@model("vae_gan", settings=Settings, family="hybrid", paper="Larsen et al. 2016, arXiv 1512.09300")
def build(settings: Settings, spec: DataSpec) -> Trainable:
    """VAE-GAN: reconstructions are like what they are of in the discriminator's features.

    It has an encoder and no likelihood of pixels, hence no ELBO. Deviations from algorithm 1:
    the three networks move one after the other, each by the gradient at what the ones before
    have become, where the paper computes all gradients first; the two kinds of fakes count
    half each beside the real images, where the paper adds them up; Adam and the non-saturating
    loss where the paper has RMSProp and minimax. KL factor 1 as in the paper; gamma and lr are
    the best of eleven hand-made trials on digits and three on MNIST by validation distance,
    24,000 images, one seed (digits 138; MNIST at 2,000 samples 499).
    """
    from bench.adversarial.game import conv_generator
    from bench.models._vae_gan import Discriminator, vae_gan
    from bench.networks import ConvEncoder, LeakyReLU
    from bench.variational.assembly import Encoder
    from bench.variational.posteriors.diagonal import DiagonalGaussian

    def stack() -> ConvEncoder:
        return ConvEncoder(
            spec.shape,
            depth=settings.depth,
            width=settings.width,
            out_dim=settings.h_dim,
            norm="batch",
        )

    modules: dict[str, nn.Module] = {
        "encoder": Encoder(
            stack(),
            act=LeakyReLU(),
            feature_dim=settings.h_dim,
            num_classes=0,
            size=DiagonalGaussian.size(settings.latent_dim),
        ),
        "decoder": conv_generator(settings, spec),
        "discriminator": Discriminator(stack(), settings.h_dim),
    }
    return vae_gan(settings, modules)
