"""Plain data that outlives a run. Standard library only, so that everything may import it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Status = Literal["ok", "collapsed", "diverged", "failed", "pruned"]
STATUSES: tuple[Status, ...] = ("ok", "collapsed", "diverged", "failed")
"""How a run ends (protocol rule 3); ``pruned`` is for trials of a search alone."""

OUTSIDE = "outside"
"""Role of a record of images made elsewhere, and what stands in place of its model."""

SUPERSEDED = "superseded"
"""Role of a trial or run that a search made before and that no longer counts."""

Scalar = int | float | str | bool
"""What a value of a flat configuration may be; MLflow stores it as text and it reads back."""


@dataclass(frozen=True, kw_only=True)
class DataSpec:
    """What a model may know about a data set.

    Attributes:
        name: The registered name, or ``folder:PATH`` / ``npz:PATH``.
        shape: One image, ``(C, H, W)``.
        num_classes: 0 where there are no labels.
        class_prior: Share of each class in the train split, in label order; sums to 1.
        levels: Number of gray levels per channel (256; digits 17), protocol rule 16.
        digest: First 16 hex digits of the SHA-256 over every split's images and labels.
    """

    name: str
    shape: tuple[int, int, int]
    num_classes: int
    class_prior: tuple[float, ...]
    levels: int
    digest: str


@dataclass(frozen=True)
class StepLog:
    """Means over the training steps since the last log.

    Attributes:
        images_seen: Real images drawn so far, the x-axis of every curve.
        scalars: Name to mean value.
    """

    images_seen: int
    scalars: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class HealthWarning:
    """Something about a run that ended that a user should know.

    Attributes:
        kind: Short name, such as ``discriminator_strong``.
        sentence: What is wrong, with the value and its threshold.
        turn: The settings to turn, with their values: ``lower n_critic (20)``.
    """

    kind: str
    sentence: str
    turn: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.sentence, self.turn) if part)


@dataclass(frozen=True, kw_only=True)
class TrialResult:
    """How one run ended.

    Attributes:
        status: One of ``STATUSES``, or ``pruned``.
        reason: One sentence; empty for ``ok``.
        primary: Name of the validation measure that selection reads.
        value: Its last value; None for ``diverged`` and ``failed``, which have none.
        metrics: Every final value, ``val/...``, ``test/...``, ``test_best/...``, ``cost/...``.
        not_applicable: Metric name to the reason why this model has no such value.
        warnings: What ``health`` says, from training and validation alone; None where it was
            not asked.
    """

    status: Status
    reason: str = ""
    primary: str = ""
    value: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    not_applicable: dict[str, str] = field(default_factory=dict)
    warnings: list[HealthWarning] | None = None

    def to_json(self) -> dict[str, Any]:
        """A dictionary of JSON values; ``from_json`` reads it back."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> TrialResult:
        """Reads what ``to_json`` wrote; results of older versions have no warnings."""
        stored = values.get("warnings")
        warnings = None if stored is None else [HealthWarning(**one) for one in stored]
        return cls(**{**values, "warnings": warnings})


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One tracked run as the report sees it, read back from MLflow.

    Attributes:
        run_id: MLflow's id.
        params: The flat configuration as text.
        tags: ``study family model dataset tier seed config_digest git_commit status ...``.
        metrics: Last value by name.
        histories: Name to ``(images_seen, value)`` in order, one value per step.
        finished: Whether MLflow holds the run as ended (FINISHED or FAILED).
    """

    run_id: str
    params: dict[str, str]
    tags: dict[str, str]
    metrics: dict[str, float]
    histories: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    finished: bool = True


def not_applicable_tag(reasons: Mapping[str, str]) -> dict[str, str]:
    """The tag that says which metrics have no value here, and why."""
    return {"not_applicable": json.dumps(dict(sorted(reasons.items())))} if reasons else {}


def health_tag(warnings: Sequence[HealthWarning] | None) -> dict[str, str]:
    """The tag that says ``ok`` or holds the warnings as JSON; none where nobody judged."""
    if warnings is None:
        return {}
    return {"health": json.dumps([asdict(one) for one in warnings]) if warnings else "ok"}
