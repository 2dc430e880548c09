"""Metrics: each file registers functions of a ``View``; they never see a model or a detector."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.contracts import Need, View
from bench.registry import Registry


class NotApplicable(Exception):  # noqa: N818 - an answer, not an error
    """A metric has no value here; the message is the reason (protocol rule 18)."""


@dataclass(frozen=True, kw_only=True)
class MetricKind:
    """A registered metric.

    Attributes:
        measure: ``View -> {name: value}``; may raise ``NotApplicable``.
        needs: What the view must hold.
        validate: Also measured at each validation during training, not only at the end.
        summary: One line for ``bench list``.
    """

    measure: Callable[[View], dict[str, float]]
    needs: tuple[Need, ...]
    validate: bool
    summary: str


METRICS: Registry[MetricKind] = Registry("metric", "bench.metrics")

Measure = Callable[[View], dict[str, float]]


def metric(
    name: str, *, needs: tuple[Need, ...] = (), validate: bool = False
) -> Callable[[Measure], Measure]:
    """Decorator that registers a metric; the first line of its docstring is its summary."""

    def register(measure: Measure) -> Measure:
        summary = (measure.__doc__ or "").strip().partition("\n")[0]
        kind = MetricKind(measure=measure, needs=needs, validate=validate, summary=summary)
        METRICS.add(name, kind, origin=measure.__module__)
        return measure

    return register
