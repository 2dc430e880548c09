"""What there is of detectors and what is missing, without loading one."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace

from bench.detectors import DetectorKind, Fixed
from bench.detectors._find import available, kind_of, known_names, remedy, weights_path
from bench.errors import Unavailable


@dataclass(frozen=True, kw_only=True)
class DetectorStatus:
    """One row of ``bench detectors list``; what is not known is empty.

    Attributes:
        summary: One line.
        dataset: What it was trained on, or would be; empty for one that is not trained here.
        dim: Number of features.
        digest: First 16 hex digits of the SHA-256 of its weights.
        test_accuracy: Written beside its weights when they were made.
        missing: Why it cannot be had, with the remedy; empty where it can.
    """

    summary: str
    dataset: str = ""
    dim: str = ""
    digest: str = ""
    test_accuracy: str = ""
    missing: str = ""

    @property
    def phrase(self) -> str:
        """The whole row in one line."""
        facts = [
            f"{self.dim} features" if self.dim else "",
            f"test accuracy {self.test_accuracy}" if self.test_accuracy else "",
            self.missing or f"digest {self.digest}",
        ]
        return "; ".join([self.summary, *filter(None, facts)])


def status() -> dict[str, DetectorStatus]:
    """Every known detector by name."""
    made = available()
    return {name: _status(name, kind_of(name), made.get(name)) for name in known_names()}


def _status(name: str, kind: DetectorKind | None, facts: dict[str, str] | None) -> DetectorStatus:
    if kind and kind.fixed:
        return _fixed(kind.summary, kind.fixed)
    if facts:
        dataset = facts["dataset"]
        return DetectorStatus(
            summary=kind.summary if kind else f"classifier of {dataset}",
            dataset=dataset,
            dim=str(json.loads(facts["recipe"])["dim"]),
            digest=hashlib.sha256(weights_path(name).read_bytes()).hexdigest()[:16],
            test_accuracy=facts["test_accuracy"],
        )
    if kind and facts is None:
        return DetectorStatus(
            summary=kind.summary,
            dataset=kind.dataset,
            dim=str(kind.recipe.dim),
            missing=remedy(name, kind),
        )
    dataset = kind.dataset if kind else "DATASET"
    reason = f"its weights cannot be read: make them again with `bench detectors train {dataset}`"
    return DetectorStatus(summary=kind.summary if kind else "a classifier", missing=reason)


def _fixed(summary: str, fixed: Fixed) -> DetectorStatus:
    row = DetectorStatus(summary=summary, dim=str(fixed.dim))
    try:
        return replace(row, digest=fixed.digest())
    except Unavailable as reason:
        return replace(row, missing=str(reason))
