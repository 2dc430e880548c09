"""Does a search lose to what was known? The same search again and again, each with another seed.

python benchmarks/search_repeats.py --root DIR                  ten searches of family_comparison on
                                                                digits; the same command continues
Of each family and search: test distance on fresh seeds of what the search found over that of what was
known before (geometric means), where the study's validation says which of both is the family's
headline. A search did not lose where the headline is at most 5 % above what was known, or is it.
"""

from __future__ import annotations

import argparse
import json
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
    """What came of one search for one family; ``found`` is None where nothing new was found."""

    sampler_seed: int
    arm: str
    found: float | None
    known: float | None
    is_found_chosen: bool

    @property
    def ratio(self) -> float:
        """Of the headline's test distance to that of what was known."""
        if not self.is_found_chosen or not self.found or not self.known:
            return 1.0
        return self.found / self.known


def repeated(study: Study, sampler_seed: int) -> Study:
    """The study with another search of the same size."""
    if study.search is None or not study.search.known:
        raise SystemExit(f"'{study.name}' has no search that begins with what is known")
    search = study.search.model_copy(update={"sampler_seed": sampler_seed})
    return study.model_copy(update={"search": search})


def outcomes(plan: StudyPlan, runs: list[PlannedRun], sampler_seed: int) -> list[Outcome]:
    """What became of every family."""
    found = []
    for arm in plan.study.spaces:
        test, validation = (
            {kind: _mean(plan, runs, arm, kind, split) for kind in (FOUND, KNOWN)}
            for split in ("test", "val")
        )
        new, old = validation[FOUND], validation[KNOWN]
        chosen = new is not None and (old is None or new < old)
        found.append(Outcome(sampler_seed, arm, test[FOUND], test[KNOWN], chosen))
    return found


def _mean(plan: StudyPlan, runs: list[PlannedRun], arm: str, kind: str, split: str) -> float | None:
    """The mean distance of an arm's fresh runs; None where there are none, or one has no value."""
    mine = [run for run in runs if run.cell.arm == arm and run.cell.factors[SETTINGS] == kind]
    results = [result for run in mine if (result := plan.result(run))]
    named = [(_distance(result, split), result.metrics) for result in results]
    values = [metrics[name] for name, metrics in named if name in metrics]
    return mean_of(named[0][0], values) if values and len(values) == len(mine) else None


def _distance(result: TrialResult, split: str) -> str:
    """The name of the measure that selection reads, on a split: on test with all its images."""
    if split == "val":
        return f"val/{result.primary}"
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
    rows = [["search", "family", "found", "known", "headline", "over known"]]
    for one in every:
        found, known = ("-" if v is None else f"{v:.1f}" for v in (one.found, one.known))
        headline = FOUND if one.is_found_chosen else KNOWN
        rows.append([str(one.sampler_seed), one.arm, found, known, headline, f"{one.ratio:.2f}"])
    lines = columns(rows)
    for arm in dict.fromkeys(one.arm for one in every):
        mine = [one for one in every if one.arm == arm]
        held = sum(one.ratio <= ALLOWED for one in mine)
        better = sum(one.ratio < 1 for one in mine)
        lines.append(f"{arm}: {held} of {len(mine)} did not lose, {better} are lower than known")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
