"""Whether a measure passes a check: every criterion of its kind, on every curve that it has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.exam.checks import Asked, Check, Desideratum
from bench.exam.criteria import Outcome, Scored
from bench.exam.measures import Examined
from bench.exam.numbers import Answer, Exam


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What came of one desideratum of a check.

    Attributes:
        check: The check's name.
        desideratum: What was asked.
        measure: Of which measure.
        failures: What it does instead, setting by setting; empty where it passes.
        reading: ``low`` or ``high``, where a measure of diversity was read so; else empty.
    """

    check: str
    desideratum: Desideratum
    measure: str
    failures: tuple[str, ...]
    reading: str


def verdicts(check: Check, measure: Examined, exam: Exam) -> list[Verdict]:
    """One for each desideratum that something is asked for; none where no curve was measured."""
    curves = {s.name: exam.answer(check.name, s.name, measure.name) for s in check.settings}
    found = []
    for desideratum in dict.fromkeys(asked.desideratum for asked in check.asked):
        outcomes = [
            (setting, outcome)
            for asked in check.asked
            if asked.desideratum == desideratum
            for setting, answer in curves.items()
            if answer is not None and len(answer.levels) > 1 and asked.only in {"", setting}
            for outcome in _judged(asked, measure, answer)
        ]
        if outcomes:
            readings = sorted({outcome.reading for _, outcome in outcomes} - {""})
            verdict = Verdict(
                check=check.name,
                desideratum=desideratum,
                measure=measure.name,
                failures=_failures(outcomes, readings),
                reading=readings[0] if len(readings) == 1 else "",
            )
            found.append(verdict)
    return found


def _judged(asked: Asked, measure: Examined, answer: Answer) -> Iterator[Outcome]:
    """The outcome of one criterion on one curve; nothing where the kind is asked nothing."""
    criterion = asked.of(measure.kind)
    if criterion is None:
        return
    if asked.at_a_bound and measure.scale == "distance":
        yield Outcome("has no upper bound that would be reached")
        return
    levels = answer.levels
    scores = measure.scores([level.mean for level in levels], [level.spread for level in levels])
    yield criterion.judge(Scored([level.x for level in levels], scores))


def _failures(outcomes: list[tuple[str, Outcome]], readings: list[str]) -> tuple[str, ...]:
    """Each failure once, with the settings that have it where others have not."""
    settings: dict[str, list[str]] = {}
    for setting, outcome in outcomes:
        if outcome.failure:
            settings.setdefault(outcome.failure, []).append(setting)
    every = {setting for setting, _ in outcomes}
    said = [
        failure if every == set(where) else f"{failure} ({'; '.join(dict.fromkeys(where))})"
        for failure, where in settings.items()
    ]
    if len(readings) > 1:
        said.append("reads as low in one place and as high in another")
    return tuple(said)
