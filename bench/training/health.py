"""When a run counts as collapsed (protocol rule 3), and all that its health is judged by."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.records import Scalar

ADVISED = ("model.", "train.")
MIN_CLASS_SHARE = 0.5
MIN_SPREAD_SHARE = 0.1
COLLAPSE_METRICS = ("classes", "spread", "active_units")
"""What ``collapse`` reads."""


def collapse(values: Mapping[str, float]) -> str:
    """Why samples with these metric values have collapsed, or an empty text.

    Args:
        values: Of one split: ``classes``, ``spread`` and their ``_real`` counterparts,
            ``active_units``; what is absent is not judged.
    """
    classes, classes_real = values.get("classes"), values.get("classes_real", 0.0)
    if classes is not None and classes < MIN_CLASS_SHARE * classes_real:
        return f"the samples cover {classes:.1f} classes, real images {classes_real:.1f}"
    spread, spread_real = values.get("spread"), values.get("spread_real", 0.0)
    if spread is not None and spread < MIN_SPREAD_SHARE * spread_real:
        return f"mean distance between samples is {spread / spread_real:.1%} of that between real images"
    if values.get("active_units") == 0:
        return "no latent unit is active: the decoder ignores z"
    return ""


@dataclass(frozen=True, kw_only=True)
class Diagnostics:
    """All that the health of a run is judged by; nothing of it comes from the test split.

    Attributes:
        status: How the run ended.
        reason: Why, as in the result.
        roles: Phase to ``contracts.Role``.
        logs: Training scalars at each log, in order; empty for a model without training.
        curve: The primary validation measure at each validation, in order.
        val: Final validation values by metric.
        settings: The flat configuration.
    """

    status: str
    reason: str = ""
    roles: Mapping[str, str] = field(default_factory=dict)
    logs: Sequence[Mapping[str, float]] = ()
    curve: Sequence[float] = ()
    val: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, Scalar] = field(default_factory=dict)

    def scalar(self, name: str, quarter: int = 4) -> float | None:
        """Mean of a training scalar over a quarter of the logs; None where it has no value."""
        size = max(1, len(self.logs) // 4)
        start = len(self.logs) - size if quarter == 4 else (quarter - 1) * size
        known = [log[name] for log in self.logs[start : start + size] if name in log]
        return statistics.fmean(known) if known else None

    def phases(self, *roles: str) -> list[str]:
        """The phases of these roles, those of the first named role first."""
        return [phase for role in roles for phase, known in self.roles.items() if known == role]

    def gradients(self, *roles: str) -> dict[str, list[float]]:
        """Gradient norms over the logs by phase, of these roles."""
        names = {phase: f"{phase}_gradient_norm" for phase in sorted(self.phases(*roles))}
        found = {p: [log[name] for log in self.logs if name in log] for p, name in names.items()}
        return {phase: norms for phase, norms in found.items() if norms}

    def advice(self, *options: str) -> str:
        """The options whose setting the run has, with its value: ``lower n_critic (20)``."""
        known = {k.partition(".")[2]: v for k, v in self.settings.items() if k.startswith(ADVISED)}
        pairs = (option.split() for option in options)
        return " or ".join(f"{verb} {key} ({known[key]})" for verb, key in pairs if key in known)
