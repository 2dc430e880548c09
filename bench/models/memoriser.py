"""Training images shown again: what a perfect memoriser gets, and what copying looks like."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from bench.config import ModelSettings
from bench.models import model
from bench.records import DataSpec

if TYPE_CHECKING:
    from torch import Tensor

    from bench.contracts import Nets, Trainable
    from bench.models._memory import Memory


@model("memoriser", settings=ModelSettings, family="baseline", paper="protocol rule 4")
def build(settings: ModelSettings, spec: DataSpec) -> Trainable:  # noqa: ARG001
    """Training images shown again; no training."""
    from bench.contracts import EvalFns, Trainable
    from bench.models._memory import Memory

    def remember(nets: Nets, images: Tensor) -> None:
        _memory(nets).images = images

    return Trainable(
        modules={"memory": Memory()},
        initialise=remember,
        eval_fns=EvalFns(
            latent=lambda nets, n, noise: _memory(nets).draw(n, noise),
            decode=lambda nets, z, labels: nets["memory"](z),  # noqa: ARG005
        ),
    )


def _memory(nets: Nets) -> Memory:
    return cast("Memory", nets["memory"])
