"""Does a search lose to what was known? The same search again and again, each with another seed.

python benchmarks/search_repeats.py --root DIR                  ten searches of family_comparison on
                                                                digits; the same command continues
Of each family and search: test distance on fresh seeds of what the search found, which no fresh seed
had a part in, over that of the known settings (geometric means of runs with a value). A search did not
lose where that is at most 1.05, or where it found nothing better than the known settings. It lost
where a run of what it found has no value.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import NamedTuple

from bench.cli.options import columns
from bench.engines import open_engine
from bench.measures import mean_of
from bench.plan import Study, load_study
from bench.plan.space import FOUND, KNOWN, SETTINGS
from bench.records import TrialResult
from bench.study.driver import Driver
from bench.study.plan import PlannedRun, StudyPlan, resolve
from bench.tracking.mlflow import Store

ALLOWED = 1.05


class Quiet:
    """Watches a study and says a word of each run."""

    def started(self, run: PlannedRun) -> None:
        """Nothing."""

    def ended(self, run: PlannedRun, result: TrialResult) -> None:
        """One line."""
        print(f"  {run.label}: {result.status} {result.value}", flush=True)


class Outcome(NamedTuple):
    """What came of one search for one family: means on fresh seeds, and how many runs have none.

    ``found`` and ``lost`` are None where nothing new was found.
    """

    sampler_seed: int
    arm: str
    found: float | None
    lost: int | None
    known: float | None

    @property
    def ratio(self) -> float:
        """Of what was found to what was known: 1 where it is the same, infinite where it lost a run."""
        if self.lost is None:
            return 1.0
        if self.lost or self.found is None:
            return math.inf
        return self.found / self.known if self.known else 0.0


def repeated(study: Study, sampler_seed: int) -> Study:
    """The study with another search of the same size."""
    if study.search is None or not study.search.known:
        raise SystemExit(f"'{study.name}' has no search that begins with what is known")
    search = study.search.model_copy(update={"sampler_seed": sampler_seed})
    return study.model_copy(update={"search": search})


def outcomes(plan: StudyPlan, runs: list[PlannedRun], sampler_seed: int) -> list[Outcome]:
    """What became of every family."""
    every = []
    for arm in plan.study.spaces:
        found, lost = _mean(plan, _fresh(runs, arm, FOUND))
        known, _ = _mean(plan, _fresh(runs, arm, KNOWN))
        every.append(Outcome(sampler_seed, arm, found, lost, known))
    return every


def _fresh(runs: list[PlannedRun], arm: str, kind: str) -> list[PlannedRun]:
    return [run for run in runs if run.cell.arm == arm and run.cell.factors[SETTINGS] == kind]


def _mean(plan: StudyPlan, runs: list[PlannedRun]) -> tuple[float | None, int | None]:
    """The mean test distance of the runs with a value, and how many have none; None of no runs."""
    results = [result for run in runs if (result := plan.result(run))]
    named = [(_test_distance(result), result.metrics) for result in results]
    values = [metrics[name] for name, metrics in named if name in metrics]
    mean = mean_of(named[0][0], values) if values else None
    return mean, len(runs) - len(values) if runs else None


def _test_distance(result: TrialResult) -> str:
    """The name of the measure that selection reads, on test with all its images."""
    series = result.primary.rpartition("_n")[0]
    sizes = [n for n in result.metrics if n.startswith(f"test/{series}_n") and n[-1].isdigit()]
    return max(sizes, key=lambda name: int(name.rpartition("_n")[2]), default="")


def main() -> None:
    """Runs what is left and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", default="family_comparison")
    parser.add_argument("--tier", default="classroom")
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--trials", type=int)
    parser.add_argument("--seeds-per-trial", type=int)
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    asked = parser.parse_args()
    store = Store(f"sqlite:///{(asked.root / 'mlflow.db').absolute()}")
    every = []
    for sampler_seed in range(asked.repeats):
        plan = resolve(
            repeated(load_study(asked.study), sampler_seed),
            tier=asked.tier,
            overrides=asked.overrides,
            seeds=asked.seeds,
            trials=asked.trials,
            seeds_per_trial=asked.seeds_per_trial,
            device="cpu",
            root=asked.root,
        )
        driver = Driver(plan, store)
        print(f"search {sampler_seed}: {len(driver.left())} left", flush=True)
        engine = open_engine(None, asked.jobs, plan.folder)
        try:
            driver.run(engine, Quiet())
        finally:
            engine.close()
        runs = [run for run in driver.runs() if not run.cell.baseline]
        every += outcomes(plan, runs, sampler_seed)
        (asked.root / "search_repeats.json").write_text(json.dumps([o._asdict() for o in every]))
    print(table(every))


def table(every: list[Outcome]) -> str:
    """A line for each search and family, and how many did not lose."""
    rows = [["search", "family", "found", "known", "found/known"]]
    for one in every:
        found, known = ("-" if v is None else f"{v:.1f}" for v in (one.found, one.known))
        rows.append([str(one.sampler_seed), one.arm, found, known, f"{one.ratio:.2f}"])
    lines = columns(rows)
    for arm in dict.fromkeys(one.arm for one in every):
        mine = [one for one in every if one.arm == arm]
        held = sum(one.ratio <= ALLOWED for one in mine)
        better = sum(one.ratio < 1 for one in mine)
        lines.append(f"{arm}: {held} of {len(mine)} did not lose, {better} are lower than known")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
