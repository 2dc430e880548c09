"""What the authors of a published experiment reported, as data that a report holds ours against."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from bench.config import Settings

DIVERGED = "diverged"
"""Share of runs that met a value that is not finite."""

COLLAPSED = "collapsed"
"""Share of runs that collapsed, as protocol rule 3 says what that is."""

HALF = "distance at half the budget"
"""Validation distance at half the images, from the learning curve."""

MATCHED = "images to match"
"""Real images until the validation distance is the second arm's best one."""

ROSE = "share of logs at which the loss rose"
"""0 for a loss that falls steadily, about 1/2 for one that only fluctuates."""


class Claim(Settings):
    """One row of the table of theirs beside ours.

    One of ``winner``, ``at_most``, ``rises`` and ``falls`` says what reproduces it; with none of
    them, or with ``differs``, ours only stands beside theirs.

    Attributes:
        reported: What they reported or saw, with their number where they gave one.
        protocol: How they came by it.
        measure: ``distance``, a test value such as ``class_accuracy``, or a name of this module.
        arms: Whose values are shown, at their chosen cells.
        better: Which direction of the measure is better.
        winner: The arm that is better than the others, if it is so.
        beyond: ``winner`` is what they had not: ours goes further, in place of reproducing it.
        at_most: No arm's mean is above this, if it is so.
        rises: The measure rises along the study's x factor, if it is so.
        falls: The measure falls along it, if it is so.
        differs: Why their number and ours are not comparable.
    """

    reported: str
    protocol: str
    measure: str
    arms: tuple[str, ...] = Field(min_length=1)
    better: Literal["lower", "higher"] = "lower"
    winner: str = ""
    beyond: bool = False
    at_most: float | None = None
    rises: bool = False
    falls: bool = False
    differs: str = ""

    @model_validator(mode="after")
    def _one_way_to_hold(self) -> Self:
        ways = [bool(self.winner), self.at_most is not None, self.rises, self.falls]
        if sum(ways) > 1:
            raise ValueError("a claim takes one of winner, at_most, rises and falls")
        if self.winner and (self.winner not in self.arms or len(self.arms) == 1):
            raise ValueError(
                f"the winner of a claim is one of its arms {list(self.arms)} and beats another, "
                f"got '{self.winner}'"
            )
        if self.measure == MATCHED and len(self.arms) == 1:
            raise ValueError(f"'{MATCHED}' needs a second arm, whose end is to be matched")
        return self

    @property
    def asks_for_verdict(self) -> bool:
        """Whether it can be held against ours; else ours only stands beside it."""
        ways = self.winner or self.at_most is not None or self.rises or self.falls
        return bool(ways) or self.measure in {MATCHED, DIVERGED, COLLAPSED}


class Published(Settings):
    """A number of a publication that a study is to reach.

    One of ``value`` and ``against`` says what it is.

    Attributes:
        source: Who published it, and where.
        dataset: Of what data set it is.
        arm: Whose value is held against it.
        measure: A test value's name, in whose direction ``value`` is given.
        value: What they have.
        spread: Their standard deviation or half-width, as they give it.
        against: An arm of ours that has the number, in place of ``value``.
        within: How far ours may be from it to have reached it.
        images: Real images that each of their runs saw; None where that is not known.
        protocol: How they came by it.
        differs: What is not the same here.
        curve: What ours is on the way, by its name.
        beside: Test values of ours that belong to it, such as a gap.
    """

    source: str
    dataset: str
    arm: str
    measure: str
    value: float | None = None
    spread: float | None = None
    against: str = ""
    within: float = Field(gt=0)
    images: int | None = Field(None, ge=1)
    protocol: str
    differs: str = ""
    curve: str = ""
    beside: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_number(self) -> Self:
        if (self.value is None) == (not self.against):
            raise ValueError("a published number has a value, or is that of an arm: give one")
        return self
