"""``bench run``: a study, from its options to its summary."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cli.preview import as_text, flat_runs, held_line, plan_line, plan_table, seconds_by_label
from bench.cli.progress import StudyProgress
from bench.cli.text import columns
from bench.config import listed, parse_assignments
from bench.engines import Engine
from bench.engines.inprocess import InProcess
from bench.engines.local import LocalWorkers
from bench.errors import UsageError
from bench.evaluation.view import missing_detector
from bench.metrics import requested
from bench.models import find
from bench.plan.files import load_study
from bench.plan.study import Identity, Study
from bench.registry import load_plugins
from bench.runtime import num_cores, resolve_device
from bench.study.driver import Driver
from bench.study.grid import PlannedRun, expand, full_overrides, require_spaces, stand_ins
from bench.study.search import SearchDriver
from bench.tracking.mlflow import Store
from bench.training.run import held_for

Say = Callable[[str], object]


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The options of ``bench run``."""

    study: str
    tier: str = "classroom"
    dataset: str | None = None
    overrides: tuple[str, ...] = ()
    seeds: int | None = None
    trials: int | None = None
    jobs: str = "auto"
    device: str = "auto"
    storage: str | None = None
    tracking_uri: str | None = None
    root: Path = Path("runs")
    plugins: tuple[Path, ...] = ()
    dry_run: bool = False
    fresh: bool = False


def run_study(options: RunOptions, *, say: Say) -> dict[str, Any]:
    """Runs what is left of a study and sums it up.

    Raises:
        UsageError: Anything about the options that cannot work, before anything starts.
    """
    load_plugins(options.plugins)
    _require_url(options.storage)
    study = load_study(options.study)
    identity = _identity(study, options)
    num_seeds, num_trials = _numbers(study, options)
    require_spaces(study, identity)
    runs = stand_ins(study, identity, num_trials) + expand(study, identity, num_seeds)
    jobs = _jobs(options.jobs, options.device)
    _require_data(runs, options.device)
    if options.dry_run:
        return _shown(study, identity, runs, options, say)
    driver = _driver(study, identity, options, num_seeds)
    search = (
        SearchDriver(driver=driver, num_trials=num_trials, num_seeds=num_seeds)
        if study.search
        else None
    )
    if options.fresh:
        (search or driver).forget()
    left = search.left() if search else driver.left(runs)
    if len(left) < len(runs):
        say(f"{len(runs) - len(left)} of {len(runs)} runs are finished already")
    if left:
        # Workers import what they need while this process takes its timings.
        with contextlib.closing(_engine(min(jobs, len(left)), driver.folder)) as engine:
            forecast = seconds_by_label(left, resolve_device(options.device))
            say(plan_line(identity, left, sum(forecast.values()) / jobs))
            with StudyProgress(forecast, jobs) as progress:
                if search:
                    search.run(engine, progress)
                else:
                    driver.run(runs, engine, progress)
    elif search:
        search.settle()
    return _sum_up(driver, search.runs() if search else runs, search, say)


def _engine(jobs: int, folder: Path) -> Engine:
    return LocalWorkers(jobs, folder) if jobs > 1 else InProcess()


def _identity(study: Study, options: RunOptions) -> Identity:
    tier = study.tier(options.tier)
    overrides = full_overrides(study, options.tier, parse_assignments(list(options.overrides)))
    dataset = options.dataset or tier.dataset
    return Identity(study=study.name, tier=options.tier, dataset=dataset, overrides=overrides)


def _numbers(study: Study, options: RunOptions) -> tuple[int, int]:
    """Seeds and trials: the command's, else the tier's, else the study's."""
    tier = study.tier(options.tier)
    seeds = options.seeds or tier.seeds
    if study.search is None:
        if options.trials is not None:
            raise UsageError(
                f"--trials is for a study that searches, and '{study.name}' runs all of a grid: "
                "leave it out"
            )
        return seeds, 0
    return seeds, options.trials or tier.trials or study.search.trials


def _jobs(text: str, device: str) -> int:
    if text == "auto":
        return 1 if resolve_device(device).type == "cuda" else num_cores()
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"--jobs takes a whole number from 1 on, or auto, got '{text}'")
    return int(text)


def _require_url(storage: str | None) -> None:
    if storage is not None and "://" not in storage:
        raise UsageError(
            f"--storage takes a database URL, got '{storage}': write sqlite:///{storage}.db"
        )


def _require_data(runs: Sequence[PlannedRun], device: str) -> None:
    """Data, detector and the parts of models are there and fit before anything starts."""
    config = runs[0].config
    requested(listed(config.eval.measures))
    held = held_for(config, resolve_device(device))
    if held.detector is None:
        raise UsageError(missing_detector(config.data.dataset))
    count = min(len(held.images("val")), config.eval.max_val_samples, config.eval.max_samples)
    if count <= held.detector.dim:
        raise UsageError(
            f"'{config.data.dataset}' gives {count} validation images per distance, more than "
            f"{held.detector.dim} are needed for the detector's features: add images"
        )
    for run in {run.cell.arm: run for run in runs}.values():
        find(run.config.name)[1].build(run.config.model, held.spec)


def _shown(
    study: Study, identity: Identity, runs: Sequence[PlannedRun], options: RunOptions, say: Say
) -> dict[str, Any]:
    """What would run, and how long it would take."""
    for line in plan_table(runs, study.search.spaces if study.search else {}):
        say(line)
    if line := held_line(study, identity):
        say(line)
    forecast = seconds_by_label(runs, resolve_device(options.device))
    seconds = sum(forecast.values()) / _jobs(options.jobs, options.device)
    say(plan_line(identity, runs, seconds))
    return {"runs": len(runs), "forecast_seconds": seconds, "configurations": flat_runs(runs)}


def _driver(study: Study, identity: Identity, options: RunOptions, num_seeds: int) -> Driver:
    store = Store(options.tracking_uri)
    experiment_id = store.experiment(identity.key)
    trials = "" if options.trials is None else f" --trials {options.trials}"
    command = f"bench run {identity.flags()} --seeds {num_seeds}{trials}"
    held = held_line(study, identity)
    said = [f"**{study.question}**", f"`{command}`", f"Report: `bench report {identity.flags()}`"]
    note = "\n\n".join([*said, *([f"The {held}."] if held else [])])
    store.describe_experiment(
        experiment_id,
        {
            "mlflow.note.content": note,
            "bench.identity": identity.model_dump_json(),
            "bench.study": study.name,
            "bench.command": command,
        },
    )
    return Driver(
        study=study,
        identity=identity,
        store=store,
        experiment_id=experiment_id,
        folder=options.root / identity.key,
        storage=options.storage,
        task_settings={
            "device": options.device,
            "plugins": tuple(str(path.absolute()) for path in options.plugins),
        },
        tags={"command": command},
    )


def _sum_up(
    driver: Driver, runs: Sequence[PlannedRun], search: SearchDriver | None, say: Say
) -> dict[str, Any]:
    from bench.report.writer import summary_rows  # pandas and matplotlib take seconds

    study, identity = driver.study, driver.identity
    wanted = {run.config.digest for run in runs}
    everything = driver.store.records(driver.experiment_id)
    records = [record for record in everything if record.about.config_digest in wanted]
    trials = [record for record in everything if search and record.about.role == "search"]
    statuses = [record.about.status or "running" for record in [*trials, *records]]
    counts = {status: statuses.count(status) for status in sorted(set(statuses))}
    say(", ".join(f"{count} {status}" for status, count in counts.items()))
    found = _found(search, say) if search else {}
    rows = summary_rows(study, identity, records) if records else []
    if rows:
        say("best cell of each family by mean validation distance:")
        say("\n".join(columns([list(rows[0]), *(list(row.values()) for row in rows)])))
    say(f"report: bench report {identity.flags()}")
    return {
        "study": study.name,
        "experiment": identity.key,
        "failed": counts.get("failed", 0),
        "runs": counts,
        "best": rows,
        **({"found": found} if search else {}),
    }


def _found(search: SearchDriver, say: Say) -> dict[str, Any]:
    """What the search found for each arm, said and given back."""
    best = search.best()
    rows = [["family", "trial", "validation", "settings"]]
    for arm in search.books:
        if arm not in best:
            rows.append([arm, "-", "no trial has a value", ""])
            continue
        one = best[arm]
        rows.append([arm, str(one.trial), f"{one.value:.2f}", as_text(one.values)])
    say(f"best of {search.num_trials} trials of each family on validation:")
    say("\n".join(columns(rows)))
    return {arm: vars(one) for arm, one in best.items()}
