"""What a search may choose from. Data only: whoever searches makes its own distributions of it."""

from __future__ import annotations

import math
from typing import Literal, Self

from pydantic import Field, model_validator

from bench.config import Settings
from bench.records import Scalar

RANDOM_TRIALS, MOST_TRIALS = 10, 10_000
"""Independent and unpruned; the expected best is estimated from them alone (protocol rule 22)."""


WHOLE = 2**53
"""Up to here every whole number is one with a point as well, as databases of trials keep it."""


class Span(Settings):
    """Every number from ``low`` to ``high``, both included."""

    low: float
    high: float

    @model_validator(mode="after")
    def _upwards(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low must be below high, got {self.low} and {self.high}")
        return self

    @property
    def samples(self) -> tuple[Scalar, ...]:
        """The lowest value, one in the middle and the highest."""
        return self.low, (self.low + self.high) / 2, self.high

    def __str__(self) -> str:
        """``0.5 to 2``."""
        return f"{self.low:g} to {self.high:g}"


class Uniform(Span):
    """A number, all values alike; ``kind`` tells the ranges apart where they are read back."""

    kind: Literal["uniform"] = "uniform"


class LogUniform(Span):
    """A number, all orders of magnitude alike."""

    kind: Literal["log_uniform"] = "log_uniform"
    low: float = Field(gt=0)

    @property
    def samples(self) -> tuple[Scalar, ...]:
        """The lowest value, the geometric middle and the highest."""
        return self.low, math.sqrt(self.low * self.high), self.high

    def __str__(self) -> str:
        """``0.0003 to 0.01, logarithmic``."""
        return f"{super().__str__()}, logarithmic"


class Int(Span):
    """A whole number, all values alike."""

    kind: Literal["int"] = "int"
    low: int = Field(ge=-WHOLE, le=WHOLE)
    high: int = Field(ge=-WHOLE, le=WHOLE)

    @property
    def samples(self) -> tuple[Scalar, ...]:
        """The lowest value, one in the middle and the highest."""
        return self.low, (self.low + self.high) // 2, self.high


class Choice(Settings):
    """One of some values, without an order."""

    values: tuple[Scalar, ...] = Field(min_length=2, max_length=1000)

    @model_validator(mode="after")
    def _all_different(self) -> Self:
        if len(set(self.values)) < len(self.values):
            raise ValueError(f"the values of a choice must differ, got {self.values}")
        return self

    @property
    def samples(self) -> tuple[Scalar, ...]:
        """All of them, the middle one in the middle."""
        return self.values

    def __str__(self) -> str:
        """``8, 16 or 32``."""
        *most, last = map(str, self.values)
        return f"{', '.join(most)} or {last}"


Range = Uniform | LogUniform | Int | Choice
Space = dict[str, Range]
"""Flat key to what it may be."""


class Search(Settings):
    """A search for each arm's best configuration: TPE on validation alone, seed 0.

    Attributes:
        spaces: Arm to what its trials may differ in.
        trials: For each arm alike; a tier may have another number.
        startup: How many of them are random, independent and never pruned.
        validations: Of a trial; after each but the last one it may be pruned.
    """

    spaces: dict[str, Space]
    trials: int = Field(12, ge=1, le=MOST_TRIALS)
    startup: int = Field(RANDOM_TRIALS, ge=RANDOM_TRIALS, le=MOST_TRIALS)
    validations: int = Field(4, ge=1, le=10_000)


def middle(space: Space) -> dict[str, Scalar]:
    """A configuration in the middle of a space."""
    return {key: found.samples[len(found.samples) // 2] for key, found in space.items()}


def bounds(space: Space) -> list[dict[str, Scalar]]:
    """Configurations that together have every end of every range and every choice."""
    deepest = max((len(found.samples) for found in space.values()), default=0)
    return [
        {key: found.samples[min(i, len(found.samples) - 1)] for key, found in space.items()}
        for i in range(deepest)
    ]
