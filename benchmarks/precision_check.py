"""Whether a precision may stand in for fp32 in a published study: ratios of its headline measures.

python benchmarks/precision_check.py --root FOLDER [--precision bf16] [--families vae,gan,wgan]

Each family of depth_sweep, at one depth, is trained in both precisions with each seed on digits; runs
that lie in FOLDER already are read, so that a check goes on where it stopped. A ratio is the mean over
seeds of the logarithms' differences, with its 95 % Student t interval; a family keeps fp32 unless the
interval of each of its measures lies within 0.9 to 1.1 and no more of its runs are lost.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from bench.config import RunConfig
from bench.logger import NullLogger
from bench.measures import ELBOS, MeasureName, largest
from bench.plan.files import load_study
from bench.plan.study import Identity
from bench.records import TrialResult
from bench.results.format import code, table
from bench.runtime import prepare
from bench.stats.tests import Interval, t_interval
from bench.study.cells import configured
from bench.training.parts import reference_for
from bench.training.run import Run

STUDY, TIER, DATASET = "depth_sweep", "classroom", "digits"
LOW, HIGH = 0.9, 1.1
"""What an interval must lie within."""

DISTANCE = "fd"
FEW = {"train.num_validations": 1, "eval.floors": False}
"""What is measured on the way changes no weights, and real against real is not asked here."""


@dataclass(frozen=True)
class Row:
    """One measure of one family in both precisions.

    Attributes:
        family: Of the study.
        measure: Its name on test.
        plain: Values in fp32, by seed.
        other: Values in the other precision, by seed.
    """

    family: str
    measure: str
    plain: dict[int, float]
    other: dict[int, float]

    @property
    def logs(self) -> list[float]:
        """Logarithm of the ratio for each seed that has a value in both."""
        both = sorted(self.plain.keys() & self.other.keys())
        return [math.log(self.other[seed] / self.plain[seed]) for seed in both]

    @property
    def ratio(self) -> Interval:
        """The geometric mean of the ratios, with its interval from three seeds on."""
        found = t_interval(self.logs)
        low, high = (None if end is None else math.exp(end) for end in (found.low, found.high))
        return Interval(math.exp(found.mean), low, high, found.n)

    @property
    def stands(self) -> bool:
        """Whether the interval lies within the bounds and no more runs are lost."""
        low, high = self.ratio.low or 0.0, self.ratio.high or math.inf
        return LOW <= low <= high <= HIGH and len(self.other) >= len(self.plain)

    def cells(self) -> list[str]:
        """As the table has it."""
        ratio, means = self.ratio, [sum(v.values()) / len(v) for v in (self.plain, self.other)]
        interval = "" if ratio.low is None else f" [{ratio.low:.3f}, {ratio.high:.3f}]"
        return [
            code(self.family),
            code(self.measure),
            *(f"{mean:.2f}" for mean in means),
            f"{ratio.mean:.3f}{interval}",
            str(ratio.n),
        ]


def config_of(family: str, depth: int, seed: int, precision: str) -> RunConfig:
    """What the study trains there, in that precision."""
    study = load_study(STUDY)
    identity = Identity(
        study=STUDY, tier=TIER, dataset=DATASET, overrides={"train.precision": precision}
    )
    (cell,) = (
        c for c in study.cells(TIER) if (c.arm, c.factors.get("model.depth")) == (family, depth)
    )
    return configured(cell.model_copy(update={"matched": FEW}), identity, seed)


def result_of(config: RunConfig, root: Path) -> TrialResult:
    """How that run ends; one that ended before is only read."""
    reference = reference_for(config, torch.device("cpu"))
    run = Run(config=config, reference=reference, folder=root / config.digest, logger=NullLogger())
    return run.execute()


def headline(result: TrialResult) -> dict[str, float]:
    """The distance and the ELBO on test, of a run that has values."""
    if result.status not in {"ok", "collapsed"}:
        return {}
    names = [MeasureName.parse(name) for name in result.metrics if name.startswith("test/")]
    kept = [m for m in names if m.measure in {DISTANCE, *ELBOS} and not m.prefix and not m.ending]
    return {name.name: result.metrics[str(name)] for name in largest(kept)}


def rows_of(family: str, chosen: argparse.Namespace) -> list[Row]:
    """Every measure of a family, from its runs in both precisions by turns."""
    values: dict[str, dict[str, dict[int, float]]] = {}
    for seed in range(chosen.seeds):
        for precision in ("fp32", chosen.precision):
            config = config_of(family, chosen.depth, seed, precision)
            for name, value in headline(result_of(config, chosen.root)).items():
                values.setdefault(name, {}).setdefault(precision, {})[seed] = value
        print(f"{family} seed {seed}", flush=True)
    return [Row(family, n, v["fp32"], v.get(chosen.precision, {})) for n, v in values.items()]


def verdict(family: str, rows: Sequence[Row], precision: str) -> str:
    """What the family trains in."""
    return f"{code(family)}: {precision if all(row.stands for row in rows) else 'fp32'}"


def main() -> None:
    """Prints the table and what follows for each family."""
    parser = argparse.ArgumentParser(description="whether a precision may stand in for fp32")
    parser.add_argument("--root", type=Path, required=True, help="where the runs lie")
    parser.add_argument("--precision", default="bf16", choices=("bf16", "tf32"))
    parser.add_argument("--families", default="vae,gan,wgan")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--depth", type=int, default=3)
    chosen = parser.parse_args()
    prepare(threads=1)
    found = {family: rows_of(family, chosen) for family in chosen.families.split(",")}
    heads = ["family", "measure", "fp32", chosen.precision, "ratio [95 % interval]", "seeds"]
    print(table(heads, [row.cells() for rows in found.values() for row in rows], left=2))
    print("; ".join(verdict(family, rows, chosen.precision) for family, rows in found.items()))


if __name__ == "__main__":
    main()
