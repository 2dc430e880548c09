"""Measures a view by every metric that applies."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import torch

from bench.evaluation.view import Evaluation, evaluation_mode
from bench.metrics import METRICS, MetricKind, NotApplicable


@torch.no_grad()
def evaluate(
    view: Evaluation, *, validation_only: bool, requested: Collection[str] = ()
) -> tuple[dict[str, float], dict[str, str]]:
    """Runs every metric that applies, those of features through each further detector as well.

    Args:
        view: What to look at.
        validation_only: Only the metrics that are measured during training.
        requested: Names of metrics that are measured on request.

    Returns:
        Values by name, and for the metrics that do not apply the reason.
    """
    evaluation_mode(view.nets)
    values: dict[str, float] = {}
    reasons: dict[str, str] = {}
    for name, kind in METRICS.items():
        if (validation_only and not kind.validate) or (kind.on_request and name not in requested):
            continue
        _measure(view, name, kind, values, reasons)
        for other in () if validation_only or not kind.per_detector else view.held.also:
            _measure(replace(view, other=other), f"{name}_{other.name}", kind, values, reasons)
    return values, reasons | ({} if validation_only else view.held.lacking)


@torch.no_grad()
def measured(view: Evaluation, names: Collection[str]) -> dict[str, float]:
    """Values of the metrics of these names, as far as they apply."""
    evaluation_mode(view.nets)
    values: dict[str, float] = {}
    for name in names:
        _measure(view, name, METRICS.get(name), values, {})
    return values


def _measure(
    view: Evaluation,
    name: str,
    kind: MetricKind,
    values: dict[str, float],
    reasons: dict[str, str],
) -> None:
    """Adds one metric's values, or the reason why it has none."""
    reason = view.lacks(kind.needs)
    try:
        values |= {} if reason is not None else kind.measure(view)
    except NotApplicable as answer:
        reason = str(answer)
    if reason:
        reasons[name] = reason
