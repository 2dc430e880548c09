"""What differs between two runs: configuration, provenance, results."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.config import UNSAID
from bench.records import RunRecord
from bench.results.format import MISSING

_PROVENANCE = (
    "git_commit",
    "bench_version",
    "python",
    "torch",
    "numpy",
    "mlflow",
    "optuna",
    "device",
    "processor",
    "instructions",
    "bf16_unit",
    "threads",
    "deterministic",
    "data_digest",
    "detector",
    "images_digest",
)
_DETECTORS = "detector_digest"
"""And ``detector_digest_<name>`` of each further one."""

_ENDINGS = ("status", "reason", "health", "not_applicable")
"""Tags that are results."""

_SECONDS = "_seconds"
"""Never the same twice: they are left out."""


@dataclass(frozen=True)
class Changed:
    """A value that is not the same in both runs.

    Attributes:
        name: Configuration key, tag or metric.
        first: Of the first run; None where it has none.
        second: Of the second run.
    """

    name: str
    first: str | float | None
    second: str | float | None

    @property
    def difference(self) -> float | None:
        """Second minus first, where both are finite numbers."""
        if not isinstance(self.first, float) or not isinstance(self.second, float):
            return None
        value = self.second - self.first
        return value if math.isfinite(value) else None

    @property
    def relative(self) -> float | None:
        """The difference as a share of the first one's size; None where that is 0."""
        if self.difference is None or not isinstance(self.first, float) or not self.first:
            return None
        return self.difference / abs(self.first)

    def line(self) -> list[str]:
        """Name, both values, difference and relative difference."""
        by, share = self.difference, self.relative
        return [
            self.name,
            _shown(self.first),
            _shown(self.second),
            "" if by is None else f"{by:+.6g}",
            "" if share is None else f"{100 * share:+.3g} %",
        ]

    def to_json(self) -> dict[str, Any]:
        """JSON values; what is not finite is told in words."""
        values = {key: _plain(value) for key, value in vars(self).items()}
        return {**values, "difference": self.difference, "relative": self.relative}


@dataclass(frozen=True)
class RunDiff:
    """Everything that differs, by what it is."""

    configuration: tuple[Changed, ...]
    provenance: tuple[Changed, ...]
    results: tuple[Changed, ...]

    @property
    def identical(self) -> bool:
        """Whether nothing differs; seconds are not compared."""
        return not (self.configuration or self.provenance or self.results)

    def parts(self) -> dict[str, tuple[Changed, ...]]:
        """Heading to what differs, in the order in which causes come before effects."""
        return dict(vars(self))


def run_diff(first: RunRecord, second: RunRecord) -> RunDiff:
    """What differs between two records, to the last digit."""
    results = (
        *_changed(first.tags, second.tags, lambda tag: tag in _ENDINGS),
        *_changed(first.metrics, second.metrics, lambda name: not name.endswith(_SECONDS)),
    )
    return RunDiff(
        tuple(_changed(UNSAID | first.params, UNSAID | second.params, lambda _: True)),
        tuple(_changed(first.tags, second.tags, _is_provenance)),
        results,
    )


def _changed(
    first: Mapping[str, str] | Mapping[str, float],
    second: Mapping[str, str] | Mapping[str, float],
    counts: Callable[[str], bool],
) -> list[Changed]:
    names = sorted(name for name in {*first, *second} if counts(name))
    return [
        Changed(name, first.get(name), second.get(name))
        for name in names
        # By their text, since a value that is not a number never equals itself.
        if repr(first.get(name)) != repr(second.get(name))
    ]


def _is_provenance(tag: str) -> bool:
    return tag in _PROVENANCE or tag.startswith(_DETECTORS)


def _shown(value: str | float | None) -> str:
    if value is None or value == "":
        return MISSING
    return value if isinstance(value, str) else repr(value)


def _plain(value: str | float | None) -> str | float | None:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
