"""``bench run``: a study, from its options to its summary."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.config import listed, parse_assignments
from bench.engines import Engine
from bench.engines.inprocess import InProcess
from bench.engines.local import LocalWorkers
from bench.errors import UsageError
from bench.evaluator import missing_detector
from bench.forecast import seconds_per_run
from bench.metrics import requested
from bench.models import find
from bench.plan import Identity, Study, load_study
from bench.progress import StudyProgress, duration
from bench.registry import load_plugins
from bench.runner import held_for
from bench.runtime import num_cores, prepare, resolve_device
from bench.study import Driver, PlannedRun, expand, full_overrides
from bench.text import columns
from bench.tracking import Store

Say = Callable[[str], object]


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The options of ``bench run``."""

    study: str
    tier: str = "classroom"
    dataset: str | None = None
    overrides: tuple[str, ...] = ()
    seeds: int = 3
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
    runs = expand(study, identity, options.seeds)
    jobs = _jobs(options.jobs, options.device)
    _require_data(runs, options.device)
    if options.dry_run:
        forecast = _forecast(runs, options.device)
        say(_plan_line(identity, runs, sum(forecast.values()) / jobs))
        return {"runs": len(runs), "forecast_seconds": sum(forecast.values()) / jobs}
    driver = _driver(study, identity, options)
    if options.fresh:
        driver.forget()
    left = driver.left(runs)
    if len(left) < len(runs):
        say(f"{len(runs) - len(left)} of {len(runs)} runs are finished already")
    if left:
        # Workers import what they need while this process takes its timings.
        with contextlib.closing(_engine(min(jobs, len(left)), driver.folder)) as engine:
            forecast = _forecast(left, options.device)
            say(_plan_line(identity, left, sum(forecast.values()) / jobs))
            with StudyProgress(forecast, jobs) as progress:
                driver.run(runs, engine, progress)
    return _sum_up(driver, runs, say)


def _engine(jobs: int, folder: Path) -> Engine:
    return LocalWorkers(jobs, folder) if jobs > 1 else InProcess()


def _identity(study: Study, options: RunOptions) -> Identity:
    tier = study.tier(options.tier)
    overrides = full_overrides(study, options.tier, parse_assignments(list(options.overrides)))
    dataset = options.dataset or tier.dataset
    return Identity(study=study.name, tier=options.tier, dataset=dataset, overrides=overrides)


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


def _forecast(runs: Sequence[PlannedRun], device: str) -> dict[str, float]:
    """Seconds per run by configuration digest; seeds share one timing."""
    prepare(threads=1)
    timed: dict[str, float] = {}
    for run in runs:
        key = _without_seed(run)
        if key not in timed:
            timed[key] = seconds_per_run(run.config, held_for(run.config, resolve_device(device)))
    return {run.config.digest: timed[_without_seed(run)] for run in runs}


def _without_seed(run: PlannedRun) -> str:
    train = run.config.train.model_copy(update={"seed": 0})
    return run.config.model_copy(update={"train": train}).digest


def _plan_line(identity: Identity, runs: Sequence[PlannedRun], seconds: float) -> str:
    images = sum(run.config.train.num_images for run in runs if not run.cell.baseline)
    return (
        f"{identity.study} ({identity.tier}) on {identity.dataset}: {len(runs)} runs, "
        f"{images:,} images, about {duration(seconds)}"
    )


def _driver(study: Study, identity: Identity, options: RunOptions) -> Driver:
    store = Store(options.tracking_uri)
    experiment_id = store.experiment(identity.key)
    command = f"bench run {identity.flags()} --seeds {options.seeds}"
    note = f"**{study.question}**\n\n`{command}`\n\nReport: `bench report {identity.flags()}`"
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


def _sum_up(driver: Driver, runs: Sequence[PlannedRun], say: Say) -> dict[str, Any]:
    from bench.report.writer import summary_rows  # pandas and matplotlib take seconds

    study, identity = driver.study, driver.identity
    wanted = {run.config.digest for run in runs}
    records = [
        record
        for record in driver.store.records(driver.experiment_id)
        if record.tags.get("config_digest") in wanted
    ]
    statuses = [record.tags.get("status", "running") for record in records]
    counts = {status: statuses.count(status) for status in sorted(set(statuses))}
    say(", ".join(f"{count} {status}" for status, count in counts.items()))
    rows = summary_rows(study, identity, records)
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
    }
