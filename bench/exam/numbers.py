"""What an exam found, as plain numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace


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
        answers: Every curve, in the order of the checks; of measures that sat later behind the others.
        not_applicable: Check that cannot be posed, to the reason.
        facts: Digests, versions and machine, as text.
        asked: Measures that sat, also those that had no value anywhere; empty of an older exam, in
            which they are not told.
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
    asked: tuple[str, ...] = ()

    @property
    def sat(self) -> set[str]:
        """Measures that need not sit again."""
        return set(self.asked) or {answer.measure for answer in self.answers}

    def joined(
        self, answers: Iterable[Answer], asked: Iterable[str], facts: Mapping[str, str]
    ) -> Exam:
        """The same with measures that sat later; what is another fact now is said beside the former."""
        asked = tuple(asked)
        later = {
            name: fact
            if self.facts.get(name) == fact
            else _beside(self.facts.get(name), fact, asked)
            for name, fact in facts.items()
        }
        return replace(
            self,
            answers=(*self.answers, *answers),
            asked=(*sorted(self.sat), *asked),
            facts=later,
        )

    def answer(self, check: str, setting: str, measure: str) -> Answer | None:
        """One curve; None where the measure has no value there."""
        wanted = (check, setting, measure)
        found = (a for a in self.answers if (a.check, a.setting, a.measure) == wanted)
        return next(found, None)


def _beside(then: str | None, now: str, names: Iterable[str]) -> str:
    """``ce6874a8217d; 71b3f1c0a1b2 for fld, js_bound``."""
    return f"{then}; {now} for {', '.join(names)}" if then else now
