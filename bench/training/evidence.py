"""All that the health of a run is judged by, asked for in quarters of its training."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.records import Scalar

TURNED = ("model.", "train.")


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that the health of a run is judged by; nothing of it comes from the test split.

    Attributes:
        status: How the run ended.
        reason: Why, as in the result.
        logs: Training scalars at each log, in order; empty for a model without training.
        curve: The primary validation measure at each validation, in order.
        val: Final validation values by metric.
        settings: The flat configuration.
    """

    status: str
    reason: str = ""
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

    def gradients(self) -> dict[str, list[float]]:
        """Gradient norms over the logs by phase, but for a penalty's, which may come and go."""
        end = "_gradient_norm"
        found = {name for log in self.logs for name in log if name.endswith(end)}
        names = sorted(found - {f"r1{end}"})
        return {n.removesuffix(end): [log[n] for log in self.logs if n in log] for n in names}

    def turn(self, *options: str) -> str:
        """The options whose setting the run has, with its value: ``lower n_critic (20)``."""
        known = {k.partition(".")[2]: v for k, v in self.settings.items() if k.startswith(TURNED)}
        pairs = (option.split() for option in options)
        return " or ".join(f"{verb} {key} ({known[key]})" for verb, key in pairs if key in known)
