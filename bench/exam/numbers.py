"""What an exam found, as plain numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Level:
    """A measure at one level.

    Attributes:
        x: The level.
        mean: Over the repetitions.
        spread: Their standard deviation.
    """

    x: float
    mean: float
    spread: float


@dataclass(frozen=True)
class Answer:
    """One curve.

    Attributes:
        check: The check's name.
        setting: The setting's.
        measure: The measure's, as the names of its values begin.
        levels: Where it has a value, ascending; a measure that refuses a set has none there.
    """

    check: str
    setting: str
    measure: str
    levels: tuple[Level, ...]


@dataclass(frozen=True, kw_only=True)
class Exam:
    """All that the page of an exam is written from.

    Attributes:
        key: Digest of what the numbers depend on; equal keys need no second measurement.
        command: What made it.
        subject: ``gaussian``, or the data set's name.
        detector: Whose features were measured; empty for points.
        n: Points or images of a set, where the check says nothing else.
        repetitions: Behind every mean.
        answers: Every curve, in the order of the checks.
        not_applicable: Check that cannot be posed, to the reason.
        facts: Digests, versions and machine, as text.
    """

    key: str
    command: str
    subject: str
    detector: str
    n: int
    repetitions: int
    answers: tuple[Answer, ...]
    not_applicable: dict[str, str]
    facts: dict[str, str]

    def answer(self, check: str, setting: str, measure: str) -> Answer | None:
        """One curve; None where the measure has no value there."""
        wanted = (check, setting, measure)
        found = (a for a in self.answers if (a.check, a.setting, a.measure) == wanted)
        return next(found, None)
