"""PixelCNN (van den Oord et al. 2016, arXiv 1601.06759): one gray level after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from pydantic import Field

from bench.config import LARGEST, ModelSettings
from bench.models import model
from bench.records import DataSpec

if TYPE_CHECKING:
    from torch import Tensor

    from bench.contracts import Nets, Scalars, Step, Trainable
    from bench.models._pixelcnn import PixelCnn

MOST_LEVELS = 256


class Settings(ModelSettings):
    """Settings of PixelCNN."""

    width: int = Field(32, ge=2, le=1024, description="channels of the layers, half inside a block")
    num_blocks: int = Field(4, ge=1, le=64, description="residual blocks of a 3x3 convolution each")
    lr: float = Field(4e-3, gt=0, le=LARGEST, description="Adam's learning rate")
    lr_stages: int = Field(
        4, ge=1, le=10, description="stage i lasts 3^i units of the budget at lr * 10^(-i/7)"
    )
    average: float = Field(0.99, ge=0, lt=1, description="decay of the weights' moving average")


@model(
    "pixelcnn",
    settings=Settings,
    family="autoregressive",
    paper="van den Oord et al. 2016, arXiv 1601.06759, sections 3.3 to 3.5",
    defaults={"train.batch_size": 32},
)
def build(settings: Settings, spec: DataSpec) -> Trainable:
    """PixelCNN: masked convolutions give P(gray level | those before), so that log P(x) is exact."""
    from bench.contracts import EvalFns, ExactDensity, OptimSpec, Phase, Trainable
    from bench.errors import UsageError
    from bench.images import gray_levels
    from bench.models._pixelcnn import PixelCnn, log_prob

    levels = spec.levels
    if levels > MOST_LEVELS:
        raise UsageError(
            f"pixelcnn has an output for each gray level, at most {MOST_LEVELS}, and "
            f"'{spec.name}' has {levels:,}: take realnvp or ddpm"
        )
    density = ExactDensity(
        likelihood_name="categorical",
        kind="levels",
        observe=lambda images, noise: gray_levels(images, levels) / (levels - 1),  # noqa: ARG005
        log_prob=lambda nets, x, labels: log_prob(nets["pixelcnn"], x, levels),  # noqa: ARG005
    )

    def loss(nets: Nets, step: Step) -> tuple[Tensor, Scalars]:
        x = density.observe(step.images, step.noise)
        log_px = log_prob(nets["pixelcnn"], x, levels).mean()
        return -log_px, {"log_likelihood_nats": log_px}

    return Trainable(
        modules={
            "pixelcnn": PixelCnn(
                spec.shape, levels=levels, width=settings.width, num_blocks=settings.num_blocks
            )
        },
        optimizers={
            "adam": OptimSpec(
                modules=("pixelcnn",), kind="adam", lr=settings.lr, num_stages=settings.lr_stages
            )
        },
        phases=[Phase(name="pixelcnn", optimizer="adam", loss=loss)],
        average={"pixelcnn": settings.average} if settings.average else {},
        eval_fns=EvalFns(
            latent=lambda nets, n, noise: noise.uniform(n, *spec.shape),  # noqa: ARG005
            decode=lambda nets, z, labels: network(nets).sample(z),  # noqa: ARG005
            density=density,
        ),
    )


def network(nets: Nets) -> PixelCnn:
    """The module by its type."""
    return cast("PixelCnn", nets["pixelcnn"])
