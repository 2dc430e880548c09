"""What a search may choose from. Data only: whoever searches makes its own distributions of it."""

from __future__ import annotations

import math
from typing import Literal, Self

from pydantic import Field, model_validator

from bench.config import Settings
from bench.records import Scalar

RANDOM_TRIALS, MOST_TRIALS = 10, 10_000
"""Independent and unpruned; the expected best is estimated from them alone (protocol rule 22)."""

MOST_FINALISTS, MOST_TRIAL_SEEDS = 100, 100
"""Of an arm, and of a trial."""

FOUND, KNOWN = "found", "known"
"""What a run after a search has: the settings that the search found, or those known before."""

FINALIST = "finalist"
"""In place of a sampler: a trial that is trained on all images, among the best of its arm."""

SETTINGS = "settings"
"""The factor whose values these two are."""


NEAR_END = 0.05
"""A best value this near an end, as a share of the range, may have a better one outside."""

WHOLE = 2**53
"""Up to here every whole number is one with a point as well, as databases of trials keep it."""


class Span(Settings):
    """Every number from ``low`` to ``high``, both included.

    ``ends`` says where the setting itself ends, so that nothing better can lie beyond.
    """

    low: float
    high: float
    ends: Literal["", "low", "high", "both"] = Field("", repr=False)

    @model_validator(mode="after")
    def _upwards(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low must be below high, got {self.low} and {self.high}")
        return self

    @property
    def samples(self) -> tuple[Scalar, ...]:
        """The lowest value, one in the middle and the highest."""
        return self.low, (self.low + self.high) / 2, self.high

    def holds(self, value: Scalar) -> bool:
        """Whether the value may be chosen."""
        return not isinstance(value, bool | str) and self.low <= value <= self.high

    def is_edge(self, value: Scalar) -> bool:
        """Whether a better value may lie outside: it is within a twentieth of an open end."""
        if isinstance(value, bool | str):
            return False
        place = self._place(value)
        near = {"low": place <= NEAR_END, "high": place >= 1 - NEAR_END}
        return any(is_near for side, is_near in near.items() if self.ends not in {side, "both"})

    def _place(self, value: float) -> float:
        """0 at the low end, 1 at the high one."""
        return (value - self.low) / (self.high - self.low)

    def __str__(self) -> str:
        """``0.5 to 2``."""
        return f"{self.low:g} to {self.high:g}"


class Uniform(Span):
    """A number, all values alike; ``kind`` tells the ranges apart where they are read back."""

    kind: Literal["uniform"] = Field("uniform", repr=False)


class LogUniform(Span):
    """A number, all orders of magnitude alike."""

    kind: Literal["log_uniform"] = Field("log_uniform", repr=False)
    low: float = Field(gt=0)

    @property
    def samples(self) -> tuple[Scalar, ...]:
        """The lowest value, the geometric middle and the highest."""
        return self.low, math.sqrt(self.low * self.high), self.high

    def _place(self, value: float) -> float:
        return math.log(value / self.low) / math.log(self.high / self.low)

    def __str__(self) -> str:
        """``0.0003 to 0.01, logarithmic``."""
        return f"{super().__str__()}, logarithmic"


class Int(Span):
    """A whole number, all values alike."""

    kind: Literal["int"] = Field("int", repr=False)
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

    def holds(self, value: Scalar) -> bool:
        """Whether the value may be chosen."""
        return value in self.values

    def is_edge(self, value: Scalar) -> bool:
        """Whether a better value may lie outside: the least and the largest of numbers."""
        numbers = [each for each in self.values if not isinstance(each, bool | str)]
        return len(numbers) == len(self.values) and value in {min(numbers), max(numbers)}

    def __str__(self) -> str:
        """``8, 16 or 32``."""
        *most, last = map(str, self.values)
        return f"{', '.join(most)} or {last}"


Range = Uniform | LogUniform | Int | Choice
Space = dict[str, Range]
"""Flat key to what it may be."""


class Search(Settings):
    """A search for each arm's best configuration: TPE on validation alone, in up to two stages.

    With ``known`` the first trials of each arm, equally many, have what is known to be good: the
    settings that the study gives the arm, ``Tier.known``, the model's defaults. The first of these
    is run on fresh seeds beside what the search found.

    Attributes:
        spaces: Arm to what its trials may differ in.
        trials: For each arm alike; a tier may have another number.
        startup: How many of them TPE does not choose: the known ones, the others random and
            independent; they are never pruned.
        validations: Of a trial; after each but the last one it may be pruned.
        known: Whether it begins with what is known.
        share: Of the images of a run, that a trial sees; a tier may have another one.
        finalists: So many best trials of each arm, and what is known, are trained on all images
            with the trials' seeds, or ``Tier.finalist_seeds``; the best of them is what the search
            found. With 0 it is the best trial.
        seeds: Of each trial, 0, 1, ...; its value is their mean, and one of several is not pruned.
        sampler_seed: Of what is chosen at random or by TPE; another one is another search.
    """

    spaces: dict[str, Space]
    trials: int = Field(12, ge=1, le=MOST_TRIALS)
    startup: int = Field(RANDOM_TRIALS, ge=1, le=MOST_TRIALS)
    validations: int = Field(4, ge=1, le=10_000)
    known: bool = False
    share: float = Field(1.0, gt=0, le=1)
    finalists: int = Field(0, ge=0, le=MOST_FINALISTS)
    seeds: int = Field(1, ge=1, le=MOST_TRIAL_SEEDS)
    sampler_seed: int = Field(0, ge=0, le=2**31 - 1)

    @property
    def settings(self) -> tuple[str, ...]:
        """What is run on fresh seeds of each arm: what it found, and what was known."""
        return (FOUND, KNOWN) if self.known else ()


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
