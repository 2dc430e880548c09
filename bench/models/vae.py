"""Convolutional VAE of depth 1 to 5 (Kingma and Welling 2014, arXiv 1312.6114)."""

from __future__ import annotations

from pydantic import Field

from bench.contracts import Trainable
from bench.models import model
from bench.nets import ConvDecoder, ConvEncoder
from bench.records import DataSpec
from bench.variational import VaeSettings, assemble


class ConvVaeSettings(VaeSettings):
    """Settings of the convolutional VAE."""

    depth: int = Field(3, ge=1, le=5, description="strided layers in encoder and decoder")
    width: int = Field(16, ge=1, le=512, description="channels of the layer next to the image")
    h_dim: int = Field(128, ge=1, description="features between convolutions and latent heads")


@model(
    "vae",
    settings=ConvVaeSettings,
    family="vae",
    paper="Kingma and Welling 2014, arXiv 1312.6114",
    defaults={"train.batch_size": 32},
    presets={
        "experiment_e": {
            "model.depth": 5,
            "model.latent_dim": 100,
            "model.lr": 3e-4,
            "model.likelihood": "gaussian",
            "model.sigma": 0.354,
            "model.kl_warmup": 0.0,
        }
    },
)
def build(settings: ConvVaeSettings, spec: DataSpec) -> Trainable:
    """Convolutional VAE: (convolution, batch norm, leaky ReLU) x depth and its mirror image."""
    stack = {"depth": settings.depth, "width": settings.width}
    encoder = ConvEncoder(spec.shape, **stack, out_dim=settings.h_dim, norm="batch")
    decoder = ConvDecoder(spec.shape, **stack, in_dim=settings.latent_dim, norm="batch")
    return assemble(settings, spec, features=encoder, feature_dim=settings.h_dim, decoder=decoder)
