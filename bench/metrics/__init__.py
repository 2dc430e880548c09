"""Metrics: each file registers functions of a ``View``; they never see a model or a detector."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from bench.errors import NotApplicable, UsageError
from bench.evaluation.view import View
from bench.measures import Better, Measure, Through, measures_tag
from bench.registry import Registry, closest, first_line

__all__ = [
    "METRICS",
    "MetricKind",
    "NotApplicable",
    "When",
    "beside_real",
    "declared_tag",
    "metric",
    "requested",
]

T = TypeVar("T")

Function = Callable[[View], dict[str, float]]

When = Literal["validation", "end", "request"]
"""At each validation during training and at the end; at the end alone; or only where
``eval.measures`` or ``bench eval`` names it: it is dear."""


@dataclass(frozen=True, kw_only=True)
class MetricKind:
    """A registered metric.

    Attributes:
        measure: ``View -> {name: value}``; may raise ``NotApplicable``.
        when: When it is measured.
        per_detector: Measured through each of ``eval.also`` as well; its values' names then
            say through which.
        summary: One line for ``bench list``.
        gives: How the names of its values begin, where ``measures`` does not say it.
    """

    measure: Function
    when: When
    per_detector: bool
    summary: str
    gives: Mapping[str, Measure]


METRICS: Registry[MetricKind] = Registry("metric", "bench.metrics")


def metric(
    name: str,
    *,
    when: When = "end",
    per_detector: bool = False,
    better: Better | None = None,
    through: Through | None = None,
    gives: tuple[str, ...] = (),
) -> Callable[[Function], Function]:
    """Decorator that registers a metric; the first line of its docstring is its summary.

    A metric of ``bench.measures`` is described there; of another one ``better``, ``through`` and
    ``gives`` (how the names of its values begin; its own name if left out) travel with the runs.
    """
    is_declared = better or through or gives
    said = Measure(name, better, through or "detector")
    declared = dict.fromkeys(gives or (name,), said) if is_declared else {}

    def register(measure: Function) -> Function:
        summary = first_line(measure)
        kind = MetricKind(
            measure=measure,
            when=when,
            per_detector=per_detector,
            summary=f"{summary} On request." if when == "request" else summary,
            gives=declared,
        )
        METRICS.add(name, kind, origin=measure.__module__)
        return measure

    return register


def beside_real(name: str, of: Callable[[T], float], sides: tuple[T, T]) -> dict[str, float]:
    """A value of the samples, and the same of real images, which come second."""
    fake, real = sides
    return {name: of(fake), f"{name}_real": of(real)}


def declared_tag() -> dict[str, str]:
    """The tag of a run that says what its metrics declare beside ``bench.measures``."""
    return measures_tag(
        {stem: said for _, kind in METRICS.items() for stem, said in kind.gives.items()}
    )


def requested(names: Sequence[str]) -> Sequence[str]:
    """The same names, each that of a metric on request.

    Raises:
        UsageError: A name that no metric on request has.
    """
    known = [name for name, kind in METRICS.items() if kind.when == "request"]
    for name in names:
        if name in METRICS.names() and name not in known:
            raise UsageError(f"measure '{name}' is always taken: leave it out of measures")
        if name not in known:
            raise UsageError(closest(name, known, kind="measure", what="measured on request"))
    return names
