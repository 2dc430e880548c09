"""What the runs were trained with."""

from __future__ import annotations

from collections.abc import Sequence

from bench.report.sections import section
from bench.results.format import MISSING
from bench.results.results import Results, short
from bench.results.runs import RecordedRun

_SETTINGS = ("model.", "train.", "data.", "eval.")


@section("Settings", after="Protocol", level=3)
def settings(results: Results) -> str:
    """What the runs were trained with: shared settings first, then each family's own."""
    varied = {"train.seed", *results.study.factors}
    by_arm: dict[str, dict[str, str]] = {}
    for arm in results.study.arms:
        runs = [run for place in results.cells_of(arm.name) for run in place.runs]
        keys = sorted({k for run in runs for k in run.record.params if k.startswith(_SETTINGS)})
        shown = [k for k in keys if not {k, short(k)} & (varied | set(arm.factors))]
        if runs:
            by_arm[arm.name] = {k: _values(runs, k) for k in shown}
    shared = {
        key: value
        for key, value in next(iter(by_arm.values()), {}).items()
        if all(other.get(key) == value for other in by_arm.values())
    }
    lines = [f"- every family: {_listed(shared)}"] if shared else []
    for name, own in by_arm.items():
        rest = {key: value for key, value in own.items() if key not in shared}
        lines.append(f"- `{name}`: {_listed(rest)}" if rest else f"- `{name}`: nothing else")
    return "\n".join(lines)


def _values(runs: Sequence[RecordedRun], key: str) -> str:
    """One value, or all of them where runs differ."""
    return " or ".join(sorted({run.record.params.get(key, MISSING) for run in runs}))


def _listed(values: dict[str, str]) -> str:
    return ", ".join(f"`{key}={value}`" for key, value in sorted(values.items()))
