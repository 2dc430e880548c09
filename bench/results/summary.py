"""What is known of a study as a whole: floors, what is there of what was expected, rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.measures import MeasureName, scale_of
from bench.plan.study import FRESH_SEED
from bench.records import SEEDS
from bench.results.format import code, link, plural
from bench.results.results import GAUSSIAN, Results
from bench.results.runs import UNFINISHED, CellRuns, RecordedRun, into_cells
from bench.stats.tests import t_interval

RUN_PAGES = "bench.run_pages"
"""Fact: the address of a run's page in MLflow, but for its id at the end; none of a database."""

KL_FACTOR = "model.kl_weight"


@dataclass(frozen=True)
class Floor:
    """Real images against real images (protocol rule 12).

    Attributes:
        split: ``train`` or ``heldout``: what is held against the held-out split.
        measure: ``fd_digits_n500``.
        n: Images on either side.
        mean: Over ten random subsets.
        spread: Their standard deviation; None where it was not recorded.
    """

    split: str
    measure: str
    n: int
    mean: float
    spread: float | None


@dataclass(frozen=True)
class Completeness:
    """How many runs there should be and how many there are.

    Attributes:
        cells: Cells of the grid, without baselines.
        seeds: Every seed that some run of an arm has, fresh ones of chosen cells apart.
        baselines: Baselines planned.
        found: Runs found, baselines included, those on fresh seeds of chosen cells apart.
        ended: Of those, how many have ended.
        planned: Seeds that a cell is to have; as many as were seen, where that is not recorded.
        fresh: Runs of chosen cells on fresh seeds: planned, found, ended; None where not recorded.
    """

    cells: int
    seeds: tuple[int, ...]
    baselines: int
    found: int
    ended: int
    planned: int
    fresh: tuple[int, int, int] | None = None

    @property
    def expected(self) -> int:
        """Runs when the study is complete, fresh seeds apart."""
        return self.cells * self.planned + self.baselines

    @property
    def complete(self) -> bool:
        """Whether every expected run has ended."""
        return self.ended >= self.expected


@dataclass(frozen=True)
class AgainstGaussian:
    """A place's values beside the one of the Gaussian fitted to the training images.

    Attributes:
        mean_is_below: Whether their mean is below it.
        is_beaten: Whether their whole interval is below it; below three values each of them.
        not_below: How many of them are not below it.
        runs: How many there are.
    """

    mean_is_below: bool
    is_beaten: bool
    not_below: int
    runs: int


def floors(results: Results) -> list[Floor]:
    """The floors that a baseline run carries: train before held-out, large n first."""
    found: dict[tuple[str, str], Floor] = {}
    for run in (run for place in results.baselines for run in place.valued):
        for text in run.record.metrics:
            name, mean = MeasureName.parse(text), run.value(text)
            is_mean = name.split == "test" and name.is_floor and not name.ending
            if not is_mean or name.n is None or mean is None:
                continue
            split = name.prefix.removeprefix("floor_")
            measure = replace(name, split="", prefix="").name
            spread = run.value(str(replace(name, ending="sd")))
            found[split, measure] = Floor(split, measure, name.n, mean, spread)
    return sorted(found.values(), key=lambda f: (f.split != "train", -f.n, f.measure))


def floor_of_test_metric(results: Results) -> Floor | None:
    """Train images against the test split at the test metric's n."""
    same = (f for f in floors(results) if f"test/{f.measure}" == results.test_metric)
    return next((f for f in same if f.split == "train"), None)


def real_value(results: Results, name: str) -> float | None:
    """What a metric gives on real test images, ``test/<name>_real``; the same for every run."""
    values = (run.value(f"test/{name}_real") for run in results.runs)
    return next((value for value in values if value is not None), None)


def _arm_cells(results: Results) -> list[CellRuns]:
    return [place for group in results.groups for place in group.arm_cells]


def completeness(results: Results) -> Completeness:
    """Expected and found, over every group of one report."""
    planned = [place.cell for place in results.cells if not place.is_outside]
    used = [run for group in results.groups for run in group.runs if not run.is_outside]
    runs = [run for run in used if not run.is_confirming]
    arms = [run for place in _arm_cells(results) for run in place.runs]
    seeds = tuple(sorted({run.seed for run in arms}))
    wanted = _planned_seeds(results)
    fresh = [run for run in used if run.is_confirming]
    chosen = sum(len(results.cells_of(arm)) > 1 for arm in results.arms)
    over = sum(run.status != UNFINISHED for run in fresh)
    return Completeness(
        cells=sum(not cell.baseline for cell in planned),
        seeds=seeds,
        planned=max(len(seeds), wanted[0] if wanted else 0),
        fresh=(max(chosen * wanted[1], len(fresh)), len(fresh), over) if wanted else None,
        baselines=sum(cell.baseline for cell in planned),
        found=len(runs),
        ended=sum(run.status != UNFINISHED for run in runs),
    )


def _planned_seeds(results: Results) -> tuple[int, int] | None:
    """Of a cell, and fresh ones of a chosen cell, as `bench run` planned them last; None unrecorded."""
    cell, comma, fresh = results.facts.get(SEEDS, "").partition(",")
    return (int(cell), int(fresh)) if comma and cell.isdecimal() and fresh.isdecimal() else None


def unconfirmed(results: Results) -> int:
    """How many runs on fresh seeds a sweep lacks: of each arm's chosen cell, as many as it has."""
    if results.study.search or not results.study.confirm:
        return 0
    chosen = [results.chosen(arm) for arm in results.arms if len(results.cells_of(arm)) > 1]
    return sum(
        max(0, len(place.runs) - sum(run.status != UNFINISHED for run in place.confirming))
        for place in chosen
        if place is not None
    )


def overtaken(results: Results) -> list[CellRuns]:
    """Cells with runs on fresh seeds that count no more, since these seeds choose another cell."""
    runs = [run for run in results.unplaced_runs if run.is_confirming]
    cells = [place.cell for place in results.arm_cells]
    places, _ = into_cells(cells, runs, results.identity.overrides)
    chosen = [place.cell for arm in results.arms if (place := results.chosen(arm))]
    return [p for p in places if p.confirming and p.cell not in chosen]


def run_link(results: Results, run: RecordedRun) -> str:
    """A run's id, leading to its page in MLflow where that is a server."""
    page = results.facts.get(RUN_PAGES)
    name = code(run.record.run_id)
    return f"[{name}]({link(page + run.record.run_id)})" if page else name


def seeds_said(place: CellRuns, metric: str) -> str:
    """``5 seeds``; ``5 fresh seeds`` where none of them had a part in what was chosen."""
    is_fresh = all(run.seed >= FRESH_SEED for run in place.runs)
    return plural(len(place.values(metric)), "fresh seed" if is_fresh else "seed")


def tag_values(runs: Sequence[RecordedRun], tag: str) -> list[str]:
    """Every value of a tag, sorted; runs without it are left out."""
    return sorted({value for run in runs if (value := run.record.tags.get(tag))})


def elbo_remark(results: Results) -> str:
    """What an ELBO's column cannot be read as where the KL factor varies; empty elsewhere."""
    factors = {key for place in results.cells for key in place.cell.factors}
    if KL_FACTOR not in factors or not results.elbos:
        return ""
    return (
        "Every ELBO is at KL factor 1, which is what training with factor 1 maximises: its column "
        "favours that factor by construction, and measures no samples."
    )


def against_gaussian(results: Results, place: CellRuns, metric: str) -> AgainstGaussian | None:
    """A place beside the pixel Gaussian; None where one of them has no value.

    The best checkpoint is held against the Gaussian's only value, which is of the same n.
    """
    baseline, values = results.baseline(GAUSSIAN), place.values(metric)
    limit = baseline.mean(metric.replace("test_best/", "test/", 1)) if baseline else None
    if not values or limit is None:
        return None
    interval = t_interval(values, scale_of(metric))
    return AgainstGaussian(
        mean_is_below=interval.mean < limit,
        is_beaten=(max(values) if interval.high is None else interval.high) < limit,
        not_below=sum(value >= limit for value in values),
        runs=len(values),
    )


def passports(results: Results) -> list[str]:
    """Likelihoods and forms of data of which some run has both values."""
    kls, reconstructions = (
        {m.likelihood for m in results.measured if (m.split, m.measure) == ("test", measure)}
        for measure in ("kl", "reconstruction")
    )
    return sorted(kls & reconstructions)


def rate_and_distortion(run: RecordedRun, passport: str) -> tuple[float, float] | None:
    """KL and minus reconstruction; None where the run lacks one of them."""
    rate = run.value(f"test/kl_{passport}")
    reconstruction = run.value(f"test/reconstruction_{passport}")
    return None if rate is None or reconstruction is None else (rate, -reconstruction)


def mean_rate(place: CellRuns, passport: str) -> tuple[float, float] | None:
    """Both as means over the seeds of a place; None where no run has them."""
    found = [point for run in place.valued if (point := rate_and_distortion(run, passport))]
    if not found:
        return None
    rates, distortions = zip(*found, strict=True)
    return sum(rates) / len(found), sum(distortions) / len(found)
