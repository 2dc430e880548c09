"""What every GAN shares: two players, their optimizers and phases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from pydantic import Field
from torch import Tensor, nn

from bench.config import ModelSettings
from bench.contracts import EvalFns, Nets, OptimSpec, Phase, Scalars, Step, Trainable
from bench.losses.adversarial import AdversarialLoss


class GanSettings(ModelSettings):
    """Settings that every GAN has."""

    latent_dim: int = Field(16, ge=1, le=1024, description="size of z")
    lr: float = Field(1e-3, gt=0, description="learning rate of both players")
    optimizer: Literal["adam", "rmsprop"] = Field("adam", description="of both players")
    beta1: float = Field(0.5, ge=0, lt=1, description="Adam's momentum")
    beta2: float = Field(0.999, ge=0, lt=1, description="Adam's smoothing of squares")


def play(
    settings: GanSettings,
    *,
    generator: nn.Module,
    opponent: nn.Module,
    loss: AdversarialLoss,
    opponent_name: Literal["discriminator", "critic"] = "discriminator",
    generator_every: int = 1,
    after_opponent: Callable[[Nets], Scalars] | None = None,
) -> Trainable:
    """The trainable game of a generator and its opponent.

    Args:
        settings: Latent size and optimizers.
        generator: z ``[N, latent_dim]`` to images ``[N, C, H, W]`` in [0, 1].
        opponent: Images to scores ``[N]``.
        loss: What each side minimises.
        opponent_name: Its module's and its phase's name.
        generator_every: Opponent steps, on fresh batches, per generator step.
        after_opponent: Called after each step of the opponent (weight clipping).
    """

    def fakes(nets: Nets, step: Step) -> Tensor:
        images: Tensor = nets["generator"](step.noise.normal(len(step.images), settings.latent_dim))
        return images

    def opponent_loss(nets: Nets, step: Step) -> tuple[Tensor, Scalars]:
        real, fake = nets[opponent_name](step.images), nets[opponent_name](fakes(nets, step))
        return loss.discriminator(real, fake), {
            "score_real": real.mean(),
            "score_fake": fake.mean(),
        }

    def generator_loss(nets: Nets, step: Step) -> tuple[Tensor, Scalars]:
        return loss.generator(nets[opponent_name](fakes(nets, step))), {}

    def optimizer(module: str) -> OptimSpec:
        betas = (settings.beta1, settings.beta2)
        return OptimSpec(modules=(module,), kind=settings.optimizer, lr=settings.lr, betas=betas)

    return Trainable(
        modules={"generator": generator, opponent_name: opponent},
        optimizers={name: optimizer(name) for name in (opponent_name, "generator")},
        phases=[
            Phase(
                name=opponent_name,
                optimizer=opponent_name,
                loss=opponent_loss,
                after_step=after_opponent,
            ),
            Phase(
                name="generator",
                optimizer="generator",
                loss=generator_loss,
                every=generator_every,
            ),
        ],
        eval_fns=EvalFns(
            latent=lambda nets, n, noise: noise.normal(n, settings.latent_dim),  # noqa: ARG005
            decode=lambda nets, z, labels: nets["generator"](z),  # noqa: ARG005
        ),
    )
