"""Every measure at every level of every check: all numbers of an exam."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence

from bench.exam.checks import Check, Setting
from bench.exam.measures import NAMES, Values, values
from bench.exam.numbers import Answer, Level
from bench.runtime import generator

RECIPE = 1
"""Part of what numbers depend on: raised when a check or a measure gives others."""


def sit(
    checks: Sequence[Check],
    repetitions: int,
    say: Callable[[str], object],
    names: Collection[str] = NAMES,
) -> tuple[Answer, ...]:
    """Every curve of these measures; each repetition draws both sets anew.

    What is drawn depends on the check alone, so that a measure that sits later sees the same sets.
    """
    answers: list[Answer] = []
    for number, check in enumerate(checks, 1):
        say(f"{check.name} ({number} of {len(checks)})")
        for setting in check.settings:
            answers += _answers(check.name, setting, repetitions, names)
    return tuple(answers)


def _answers(
    check: str, setting: Setting, repetitions: int, names: Collection[str]
) -> Iterator[Answer]:
    """A curve for each measure that has a value somewhere."""
    curves: dict[str, list[Level]] = defaultdict(list)
    for level in setting.levels:
        found = [values_at(check, setting, level, i, names) for i in range(repetitions)]
        # What refuses a set refuses it by its size, which repetitions share.
        for name in found[0]:
            each = [one[name] for one in found]
            curves[name].append(Level(level, statistics.mean(each), statistics.stdev(each)))
    for name in NAMES:
        if name in curves:
            yield Answer(check, setting.name, name, tuple(curves[name]))


def values_at(
    check: str, setting: Setting, level: float, repetition: int, names: Collection[str] = NAMES
) -> Values:
    """What the measures say of one draw.

    The real set of a repetition is the same at every level, the fake one another one.
    """
    purpose = ("exam", check, setting.name, repetition)
    real, fake = generator(*purpose, "real"), generator(*purpose, "fake", level)
    return values(*setting.draw(level, real, fake), names)
