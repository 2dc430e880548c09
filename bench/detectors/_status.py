"""What there is of detectors and what is missing, without loading one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from bench.detectors import DETECTORS, WEIGHTS, DetectorKind, Fixed
from bench.errors import Unavailable
from bench.files import data_home, file_digest
from bench.tensor_file import read_facts

_FACTS = {"dataset", "data_digest", "num_classes", "recipe", "shape", "test_accuracy"}


def known_names() -> list[str]:
    """Every detector that has a name, whether or not its weights are here."""
    return sorted({*DETECTORS.names(), *available()})


def kind_of(name: str) -> DetectorKind | None:
    """What is registered as ``name``; None for a classifier of the user's own."""
    return DETECTORS.get(name) if name in DETECTORS.names() else None


def weights_path(name: str) -> Path:
    """Where the weights of a classifier lie, or would lie: the package, else ``BENCH_DATA``."""
    kind = kind_of(name)
    folder = WEIGHTS if kind and kind.shipped else data_home() / "detectors"
    return folder / f"{name}.safetensors"


def weights_files(names: Iterable[str], dataset: str) -> list[Path]:
    """Files in the data folder that detectors are read from, whether they are there or not.

    Of ``auto`` those are all classifiers that were trained on the data set.
    """
    own = [name for name, facts in available().items() if facts.get("dataset") == dataset]
    found = []
    for name in [each for given in names for each in (own if given == "auto" else [given])]:
        kind = kind_of(name)
        fixed = kind and kind.fixed
        if fixed and fixed.weights:
            found.append(fixed.weights.path)
        elif not fixed and not (kind and kind.shipped):
            found.append(weights_path(name))
    return found


def available() -> dict[str, dict[str, str]]:
    """Classifier name to the facts written beside its weights, registered ones first.

    A file that cannot be read has no facts.
    """
    own = [path.stem for path in sorted((data_home() / "detectors").glob("*.safetensors"))]
    paths = {name: weights_path(name) for name in [*DETECTORS.names(), *own]}
    return {name: facts_of(path) for name, path in paths.items() if path.exists()}


def remedy(name: str, kind: DetectorKind) -> str:
    """Why a registered classifier without weights cannot be had, and what to do."""
    return (
        f"detector '{name}' has no weights on this machine: make them with "
        f"`bench detectors train {kind.dataset}`"
    )


def facts_of(path: Path) -> dict[str, str]:
    """What is written beside the weights of a classifier; nothing where that is not all there."""
    try:
        facts = read_facts(path)
        json.loads(facts["recipe"])["dim"]  # the others are text
    except (OSError, ValueError, LookupError, TypeError):
        return {}
    return facts if facts.keys() >= _FACTS else {}


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
            digest=file_digest(weights_path(name))[:16],
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
