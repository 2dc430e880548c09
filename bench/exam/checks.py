"""What a sanity check is: what is varied, in which settings, and what is asked of a measure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from bench.exam.criteria import Criterion

Kind = Literal["fidelity", "diversity", "both"]
"""What a measure is of: whether samples are like real data, whether they have all of it, or both."""

Desideratum = Literal["purpose", "hyperparameters", "data", "bounds", "invariance"]
"""D1b, D2, D3, D4 and D5 of the paper."""

Draw = Callable[[float, torch.Generator, torch.Generator], tuple[Tensor, Tensor]]
"""A level, the randomness of the real and of the fake set, to both sets ``[n, d]``, float64."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One curve of a check.

    Attributes:
        name: As the legend has it, ``8 dimensions``.
        levels: Of what is varied, ascending.
        draw: Makes both sets of a level. The real set depends on its own randomness alone, so
            that it is the same at every level where the level does not change it.
    """

    name: str
    levels: tuple[float, ...]
    draw: Draw


def in_dimensions(
    levels: Mapping[int, tuple[float, ...]],
    draw: Callable[[int, float, torch.Generator, torch.Generator], tuple[Tensor, Tensor]],
) -> tuple[Setting, ...]:
    """A curve for each number of dimensions, with its levels; ``draw`` takes it first."""
    return tuple(
        Setting(name=dimensions(dim), levels=each, draw=partial(draw, dim))
        for dim, each in levels.items()
    )


def dimensions(number: int) -> str:
    """``8 dimensions``."""
    return f"{number} dimension{'' if number == 1 else 's'}"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One criterion of a check; None for a kind of measure that is asked nothing.

    Attributes:
        desideratum: What it counts for.
        name: What it is about.
        fidelity: Asked of a measure of fidelity.
        diversity: Asked of a measure of diversity.
        both: Asked of a measure of both at once.
        at_a_bound: Whether it asks for a bound away from identical sets, which a measure without
            one fails.
        only: The setting it is asked in; empty for all.
    """

    desideratum: Desideratum
    name: str
    fidelity: Criterion | None = None
    diversity: Criterion | None = None
    both: Criterion | None = None
    at_a_bound: bool = False
    only: str = ""

    def of(self, kind: Kind) -> Criterion | None:
        """What is asked of a kind of measure."""
        return {"fidelity": self.fidelity, "diversity": self.diversity, "both": self.both}[kind]


def of_all(
    desideratum: Desideratum, name: str, criterion: Criterion, *, at_a_bound: bool = False
) -> Asked:
    """The same asked of every kind of measure."""
    return Asked(
        desideratum=desideratum,
        name=name,
        fidelity=criterion,
        diversity=criterion,
        both=criterion,
        at_a_bound=at_a_bound,
    )


@dataclass(frozen=True, kw_only=True)
class Check:
    """One sanity check.

    Attributes:
        name: In tables and in the record.
        says: What the two sets are and what is varied, in a sentence or two.
        knob: What a level counts.
        settings: One for each curve.
        asked: All that must hold on every curve.
        log: Whether levels are drawn on a logarithmic axis.
    """

    name: str
    says: str
    knob: str
    settings: tuple[Setting, ...]
    asked: tuple[Asked, ...]
    log: bool = False
