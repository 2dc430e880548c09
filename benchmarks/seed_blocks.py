"""What the runs of a seed share, in the published reports: why cells are paired and families are not.

python benchmarks/seed_blocks.py [runs.csv ...]

For each family with several cells the part of the variance of its logarithms of the test distance
within cells that is its seeds' own, and how many times as many seeds a comparison of two cells would
need that does not pair; for each two families the correlation of what is left of a run when its
cell's mean is taken away, at equal cells and seeds.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from bench.measures import MeasureName, largest
from bench.report.runs_csv import read_records
from bench.results.runs import RecordedRun
from bench.stats.variance import seed_effect

Cells = dict[str, dict[int, float]]
"""Cell to seed to the logarithm of its distance."""

REPORTS = Path(__file__).parents[1] / "reports"


def families(path: Path) -> dict[str, Cells]:
    """The cells of each family in a table of runs; of the test distance at its largest n."""
    runs = [RecordedRun(record) for record in read_records(path.read_text(encoding="utf-8"))]
    runs = [run for run in runs if run.has_values and run.tags.role == "run"]
    names = {MeasureName.parse(name) for run in runs for name in run.record.metrics}
    distances = [
        m for m in names if (m.split, m.measure, m.prefix, m.ending) == ("test", "fd", "", "")
    ]
    trained = [m for m in largest(distances) if m.detector != "random"]
    varied = _varied([run for run in runs if run.value(str(trained[0]))])
    found: dict[str, Cells] = defaultdict(lambda: defaultdict(dict))
    for run in runs:
        if value := run.value(str(trained[0])):
            cell = ", ".join(run.param(key) or "" for key in varied)
            found[run.arm][cell][run.seed] = math.log(value)
    return {arm: cells for arm, cells in found.items() if len(cells) > 1}


def _varied(runs: list[RecordedRun]) -> list[str]:
    """Settings of models that differ within a family: the study's factors."""
    keys = {key for run in runs for key in run.record.params if key.startswith("model.")}
    arms = {run.arm for run in runs}
    return sorted(
        key
        for key in keys
        if any(len({run.param(key) for run in runs if run.arm == arm}) > 1 for arm in arms)
    )


def correlation(first: Cells, second: Cells) -> tuple[float, int]:
    """Of what is left of the runs of both at equal cells and seeds; and from how many."""
    pairs = [
        (
            first[cell][seed] - np.mean(list(first[cell].values())),
            value - np.mean(list(mine.values())),
        )
        for cell, mine in second.items()
        for seed, value in mine.items()
        if seed in first.get(cell, {})
    ]
    return float(np.corrcoef(*zip(*pairs, strict=True))[0, 1]), len(pairs)


def main() -> None:
    """Prints a line for each family, and for each two."""
    paths = [Path(name) for name in sys.argv[1:]] or sorted(REPORTS.glob("*/runs.csv"))
    for path in paths:
        found = families(path)
        for arm, cells in found.items():
            common = sorted(set.intersection(*map(set, cells.values())))
            e = seed_effect([[cell[seed] for seed in common] for cell in cells.values()])
            if e:
                print(
                    f"{path.parent.name}, {arm}: {100 * e.share:.0f} % (F {e.f:.1f}, p {e.p:.4f}, "
                    f"{e.cells} cells x {e.seeds} seeds), unpaired {1 / (1 - e.share):.1f} times the seeds"
                )
        for (a, first), (b, second) in itertools.combinations(found.items(), 2):
            r, n = correlation(first, second)
            print(f"{path.parent.name}, {a} and {b}: correlation {r:.2f} of {n} pairs of runs")


if __name__ == "__main__":
    main()
