"""``bench run``: a study, from its options to its summary."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.cli.options import (
    Dataset,
    Device,
    Fresh,
    Plugins,
    Root,
    Say,
    Sets,
    StudyName,
    TierName,
    Uri,
    Weights,
    columns,
    command,
    quiet,
)
from bench.cli.preview import as_text, flat_runs, held_line, plan_line, plan_table, seconds_by_label
from bench.cli.progress import StudyProgress
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
from bench.runtime import num_cores, resolve_device
from bench.study.driver import Driver
from bench.study.grid import PlannedRun, expand, full_overrides, require_spaces, stand_ins
from bench.study.search import SearchDriver
from bench.tracking.mlflow import Store
from bench.training.run import held_for


@command("run", fails=lambda summary: summary.get("failed"))
def run_study(
    *,
    study: StudyName,
    tier: TierName = "classroom",
    dataset: Dataset = None,
    overrides: Sets = None,
    seeds: Annotated[
        int | None, typer.Option("--seeds", min=1, help="seeds per cell; default: the tier's")
    ] = None,
    trials: Annotated[
        int | None, typer.Option("--trials", min=1, help="of a search, for each family")
    ] = None,
    jobs: Annotated[str, typer.Option("--jobs", help="runs at a time: a number or auto")] = "auto",
    device: Device = "auto",
    storage: Annotated[str | None, typer.Option("--storage", help="Optuna's storage URL")] = None,
    tracking_uri: Uri = None,
    root: Root = Path("runs"),
    plugins: Plugins = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="show runs, images and forecast")
    ] = False,
    fresh: Fresh = False,
    inception_weights: Weights = None,
    say: Say = quiet,
) -> dict[str, Any]:
    """Runs what is left of a study and sums it up.

    Raises:
        UsageError: Anything about the options that cannot work, before anything starts.
    """
    _require_url(storage)
    asked = load_study(study)
    identity = _identity(asked, tier, dataset, overrides or [])
    num_seeds, num_trials = _numbers(asked, tier, seeds, trials)
    require_spaces(asked, identity)
    runs = stand_ins(asked, identity, num_trials) + expand(asked, identity, num_seeds)
    num_jobs = _jobs(jobs, device)
    _require_data(runs, device)
    if dry_run:
        return _shown(asked, identity, runs, device=device, jobs=num_jobs, say=say)
    settings = {"device": device, "plugins": tuple(str(p.absolute()) for p in plugins or ())}
    command_line = f"bench run {identity.flags()} --seeds {num_seeds}"
    command_line += "" if trials is None else f" --trials {trials}"
    store = Store(tracking_uri)
    driver = Driver(
        study=asked,
        identity=identity,
        store=store,
        experiment_id=_experiment(store, asked, identity, command_line),
        folder=root / identity.key,
        storage=storage,
        task_settings=settings,
        tags={"command": command_line},
    )
    search = (
        SearchDriver(driver=driver, num_trials=num_trials, num_seeds=num_seeds)
        if asked.search
        else None
    )
    if fresh:
        (search or driver).forget()
    left = search.left() if search else driver.left(runs)
    if len(left) < len(runs):
        say(f"{len(runs) - len(left)} of {len(runs)} runs are finished already")
    if left:
        # Workers import what they need while this process takes its timings.
        with contextlib.closing(_engine(min(num_jobs, len(left)), driver.folder)) as engine:
            forecast = seconds_by_label(left, resolve_device(device))
            say(plan_line(identity, left, sum(forecast.values()) / num_jobs))
            with StudyProgress(forecast, num_jobs) as progress:
                if search:
                    search.run(engine, progress)
                else:
                    driver.run(runs, engine, progress)
    elif search:
        search.settle()
    return _sum_up(driver, search.runs() if search else runs, search, say)


def _engine(jobs: int, folder: Path) -> Engine:
    return LocalWorkers(jobs, folder) if jobs > 1 else InProcess()


def _identity(study: Study, tier: str, dataset: str | None, overrides: list[str]) -> Identity:
    taken = dataset or study.tier(tier).dataset
    full = full_overrides(study, tier, parse_assignments(overrides))
    return Identity(study=study.name, tier=tier, dataset=taken, overrides=full)


def _numbers(study: Study, tier: str, seeds: int | None, trials: int | None) -> tuple[int, int]:
    """Seeds and trials: the command's, else the tier's, else the study's."""
    planned = study.tier(tier)
    num_seeds = seeds or planned.seeds
    if study.search is None:
        if trials is not None:
            raise UsageError(
                f"--trials is for a study that searches, and '{study.name}' runs all of a grid: "
                "leave it out"
            )
        return num_seeds, 0
    return num_seeds, trials or planned.trials or study.search.trials


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
    study: Study,
    identity: Identity,
    runs: Sequence[PlannedRun],
    *,
    device: str,
    jobs: int,
    say: Say,
) -> dict[str, Any]:
    """What would run, and how long it would take."""
    for line in plan_table(runs, study.search.spaces if study.search else {}):
        say(line)
    if line := held_line(study, identity):
        say(line)
    forecast = seconds_by_label(runs, resolve_device(device))
    seconds = sum(forecast.values()) / jobs
    say(plan_line(identity, runs, seconds))
    return {"runs": len(runs), "forecast_seconds": seconds, "configurations": flat_runs(runs)}


def _experiment(store: Store, study: Study, identity: Identity, command_line: str) -> str:
    """The id of the study's experiment, which tells what is asked and how to repeat it."""
    experiment_id = store.experiment(identity.key)
    held = held_line(study, identity)
    said = [
        f"**{study.question}**",
        f"`{command_line}`",
        f"Report: `bench report {identity.flags()}`",
    ]
    note = "\n\n".join([*said, *([f"The {held}."] if held else [])])
    store.describe_experiment(
        experiment_id,
        {
            "mlflow.note.content": note,
            "bench.identity": identity.model_dump_json(),
            "bench.study": study.name,
            "bench.command": command_line,
        },
    )
    return experiment_id


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
