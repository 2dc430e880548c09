"""Wasserstein GAN (Arjovsky et al. 2017, arXiv 1701.07875) and its variants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from bench.adversarial.settings import ConvGanSettings, Lipschitz
from bench.models import Preset, model
from bench.records import DataSpec, Scalar

if TYPE_CHECKING:
    from bench.contracts import Trainable

PENALTY: dict[str, Scalar] = {
    "model.lipschitz": "gradient_penalty",
    "model.optimizer": "adam",
    "model.beta2": 0.9,
}


class Settings(ConvGanSettings):
    """Settings of the Wasserstein GAN."""

    loss: Literal["wasserstein"] = Field("wasserstein", description="the Wasserstein loss")
    n_critic: int = Field(3, ge=1, le=1000, description="critic steps per generator step (k)")
    lipschitz: Lipschitz = Field("clip", description="what bounds the critic's slope")
    optimizer: Literal["adam", "rmsprop"] = Field("rmsprop", description="of both players")
    beta1: float = Field(
        0.0, ge=0, lt=1, description="Adam's momentum; above 0 a critic is unstable"
    )


@model(
    "wgan",
    settings=Settings,
    family="wgan",
    paper="Arjovsky et al. 2017, arXiv 1701.07875, algorithm 1",
    presets={
        "arjovsky2017": Preset(
            "Arjovsky et al. 2017, algorithm 1; 24,000 images are too few for it",
            {"model.lr": 5e-5, "model.clip_value": 0.01, "model.n_critic": 5},
        ),
        "experiment_e": Preset(
            "experiment E: depth 5, z of 100, lr 3e-4; it has no constraint; the clipping is "
            "ours, and our stacks have a convolution more at the image",
            {"model.depth": 5, "model.latent_dim": 100, "model.lr": 3e-4},
        ),
        "gulrajani2017": Preset(
            "Gulrajani et al. 2017, arXiv 1704.00028, algorithm 1; 24,000 images are too few for it",
            {**PENALTY, "model.lr": 1e-4, "model.n_critic": 5},
        ),
        "gradient_penalty": Preset("Gulrajani et al. 2017, lr and steps ours", PENALTY),
        "spectral_norm": Preset(
            "Miyato et al. 2018, arXiv 1802.05957, on the Wasserstein loss; lr and steps ours",
            {**PENALTY, "model.lipschitz": "spectral_norm", "model.n_critic": 2},
        ),
    },
)
def build(settings: Settings, spec: DataSpec) -> Trainable:
    """Wasserstein GAN whose critic is kept Lipschitz by weight clipping, by default."""
    from bench.adversarial.game import adversarial_game, conv_discriminator, conv_generator

    return adversarial_game(
        settings,
        spec,
        generator=conv_generator(settings, spec, act=settings.generator_act),
        discriminator=conv_discriminator(settings, spec),
    )
