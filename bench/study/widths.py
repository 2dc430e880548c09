"""Widths at which models of other depths have as many parameters (protocol rule 23)."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch

from bench.config import RunConfig
from bench.models import MODELS
from bench.modules import count_parameters
from bench.records import DataSpec

WIDEST = 512


@functools.cache
def parameters_of(config: RunConfig, spec: DataSpec) -> int:
    """Trained parameters of a configuration's model, counted without memory for them."""
    with torch.device("meta"):
        return count_parameters(MODELS.get(config.name).build(config.model, spec).modules)


def nearest_width(count: Callable[[int], int], wanted: int) -> int:
    """The width from 1 to 512 whose number of parameters is nearest to ``wanted``.

    Args:
        count: Width to a number of parameters that grows with it.
        wanted: The number to come near to.
    """
    low, high = 1, WIDEST
    while low < high:  # the narrowest that has as many or more
        middle = (low + high) // 2
        low, high = (low, middle) if count(middle) >= wanted else (middle + 1, high)
    return min((max(1, low - 1), low), key=lambda width: abs(count(width) - wanted))
