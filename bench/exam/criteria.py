"""What a curve must do to pass: the shapes and values that a sanity check asks for.

Räisä, van Breugel and van der Schaar 2025, arXiv 2505.22450, and the code that they published;
the tolerances are theirs. Every curve is one of scores: 1 where samples are as good as real
data, 0 where nothing is right (``bench.exam.measures`` says how a measure becomes one).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.results.format import significant

NEAR = 0.05
"""How far a score may lie from the value that is asked, and a level curve from itself."""

RISE = 0.2
"""By how much the two ends of a curve must differ at least where it must rise or fall."""

SLACK = 0.1
"""By how much the end of a curve may miss its highest or lowest place."""


@dataclass(frozen=True)
class Scored:
    """A curve of scores.

    Attributes:
        levels: Of what is varied, ascending.
        scores: One for each.
    """

    levels: Sequence[float]
    scores: Sequence[float]

    def at(self, level: float) -> float:
        """The score at the measured level that is nearest."""
        i = min(range(len(self.levels)), key=lambda i: abs(self.levels[i] - level))
        return self.scores[i]

    def turned(self) -> Scored:
        """The same from its other end."""
        return Scored(self.levels, self.scores[::-1])


@dataclass(frozen=True)
class Outcome:
    """What came of one criterion.

    Attributes:
        failure: What the curve does instead; empty where it passes.
        reading: ``low`` or ``high``, where a measure of diversity may be read in two ways: whether
            samples spread wider than real data lack diversity or have too much of it.
    """

    failure: str = ""
    reading: str = ""


@dataclass(frozen=True)
class Criterion:
    """One thing that is asked of a curve.

    Attributes:
        text: What it is, after "the score".
        judge: Whether a curve does it.
    """

    text: str
    judge: Callable[[Scored], Outcome]


def near(target: float, where: float | str) -> Criterion:
    """A value at one level, or at the ``first`` or the ``last``."""

    def judge(curve: Scored) -> Outcome:
        ends = {"first": curve.levels[0], "last": curve.levels[-1]}
        found = curve.at(ends[where] if isinstance(where, str) else where)
        failure = f"is {significant(found, 2)} {_place(where)}, not {target:g}"
        return Outcome("" if _within(abs(found - target), NEAR) else failure)

    return Criterion(f"is {target:g} {_place(where)}", judge)


def _place(where: float | str) -> str:
    return f"at the {where} level" if isinstance(where, str) else f"at {where:g}"


def bell(top: float) -> Criterion:
    """Highest at one level, and lower at both ends."""

    def judge(curve: Scored) -> Outcome:
        first, last, middle = curve.scores[0], curve.scores[-1], curve.at(top)
        drop, lowest = middle - max(first, last), min(curve.scores)
        if not _within(RISE, drop):
            return Outcome(f"is only {significant(drop, 2)} higher at {top:g} than at an end")
        if not _within(max(curve.scores) - middle, SLACK):
            return Outcome(f"is highest elsewhere than at {top:g}")
        if not _within(min(first, last) - lowest, SLACK):
            return Outcome("is lowest between its ends")
        return Outcome()

    return Criterion(f"is highest at {top:g} and falls to both ends", judge)


def falls(by: float | None = None) -> Criterion:
    """High at the first level, low at the last, and already lower at the level ``by``."""

    def judge(curve: Scored) -> Outcome:
        failure = _ends(curve, "fall")
        if not failure and by is not None and not _within(SLACK, curve.scores[0] - curve.at(by)):
            failure = f"has not fallen by {SLACK:g} at {by:g}"
        return Outcome(failure)

    early = "" if by is None else f", and has begun to by {by:g}"
    return Criterion(f"falls from the first level to the last{early}", judge)


def rises() -> Criterion:
    """Low at the first level and high at the last."""
    return Criterion(
        "rises from the first level to the last",
        lambda curve: Outcome(_ends(curve.turned(), "rise")),
    )


def _ends(curve: Scored, verb: str) -> str:
    """What keeps a curve from having its highest place first and its lowest last."""
    first, last = curve.scores[0], curve.scores[-1]
    if not _within(RISE, first - last):
        return f"does not {verb} ({significant(first - last, 2)} between its ends)"
    if not _within(max(curve.scores) - first, SLACK) or not _within(
        last - min(curve.scores), SLACK
    ):
        return f"does not {verb} throughout: it is highest or lowest between its ends"
    return ""


def level(since: float | None = None) -> Criterion:
    """The same score at every level, or at every one from ``since`` on."""

    def judge(curve: Scored) -> Outcome:
        pairs = zip(curve.levels, curve.scores, strict=True)
        scores = [score for x, score in pairs if since is None or x >= since]
        if not scores:
            return Outcome(f"was not measured from {since:g} on")
        moved = max(scores) - min(scores)
        failure = f"moves by {significant(moved, 2)}"
        return Outcome("" if _within(moved, NEAR) else failure)

    return Criterion("stays level" if since is None else f"stays level from {since:,g} on", judge)


def either(low: Criterion, high: Criterion) -> Criterion:
    """One of two, for a measure that may be read as low or as high."""

    def judge(curve: Scored) -> Outcome:
        failure = low.judge(curve).failure
        if not failure:
            return Outcome(reading="low")
        other = high.judge(curve).failure
        return Outcome(f"{failure}, and {other}") if other else Outcome(reading="high")

    return Criterion(f"{low.text} (read as low), or {high.text} (read as high)", judge)


def _within(value: float, most: float) -> bool:
    """At most, but for the rounding of a sum or difference."""
    return value <= most + 1e-9
