"""What the commands that train do, without the parsing."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from bench import datasets
from bench.config import RunConfig, parse_assignments
from bench.detection import find_detector, missing_detector
from bench.engines import Engine
from bench.engines.inprocess import InProcess
from bench.engines.local import LocalWorkers
from bench.errors import UsageError
from bench.evaluator import draw
from bench.forecast import seconds_per_run
from bench.images import display_scale, grid, to_png
from bench.models import configure, find, recorded
from bench.plan import Identity, Study, load_study
from bench.progress import StudyProgress, duration
from bench.records import RunRecord, TrialResult
from bench.registry import load_plugins
from bench.runner import LAST, held_for, restore
from bench.runtime import DeviceNoise, generator, git_commit, num_cores, prepare, resolve_device
from bench.study import Driver, PlannedRun, expand, full_overrides
from bench.text import columns
from bench.tracking import Store, serve_command
from bench.work import Task, perform

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


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """The options of ``bench train``."""

    model: str | None = None
    config: str | None = None
    dataset: str | None = None
    overrides: tuple[str, ...] = ()
    device: str = "auto"
    tracking_uri: str | None = None
    root: Path = Path("runs")
    plugins: tuple[Path, ...] = ()
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
    _require_data(study, identity, runs)
    prepare(threads=1)
    forecast = _forecast(runs, resolve_device(options.device))
    seconds = sum(forecast[_without_seed(run)] for run in runs) / jobs
    say(_plan_line(study, identity, runs, seconds))
    if options.dry_run:
        return {"runs": len(runs), "forecast_seconds": seconds}
    driver = _driver(study, identity, options)
    if options.fresh:
        _discard(driver)
    left = driver.left(runs)
    if len(left) < len(runs):
        say(
            f"{len(runs) - len(left)} of {len(runs)} runs are finished already, {len(left)} are left"
        )

    def open_engine() -> Engine:
        workers = min(jobs, len(left))
        return LocalWorkers(workers, driver.folder) if workers > 1 else InProcess(lambda: False)

    forecasts = {run.config.digest: forecast[_without_seed(run)] for run in left}
    with StudyProgress(forecasts, jobs) as progress:
        driver.run(runs, open_engine, progress)
    return _sum_up(study, identity, driver, say)


def train_one(options: TrainOptions, *, say: Say) -> dict[str, Any]:
    """One run; with ``config`` a tracked run again, compared with the first.

    Raises:
        UsageError: Anything about the options that cannot work.
    """
    load_plugins(options.plugins)
    original = Store(options.tracking_uri).record(options.config) if options.config else None
    config = _train_config(options, original)
    _require_parts(config, options.device)
    store = Store(options.tracking_uri)
    suffix = f"-repeat-{original.run_id[:8]}" if original else ""
    folder = options.root / "train" / f"{config.digest}{suffix}"
    if options.fresh and folder.exists():
        shutil.rmtree(folder)
    run_id = _single_run(store, config, folder, original)
    say(f"run {run_id}: {config.name} on {config.data.dataset}, {config.train.num_images:,} images")
    task = Task(
        params={key: str(value) for key, value in config.flat().items()},
        run_id=run_id,
        folder=str(folder),
        uri=store.uri,
        device=options.device,
        threads=_threads(original),
        plugins=tuple(str(path.absolute()) for path in options.plugins),
    )
    result = perform(task)
    return _told(result, run_id, original, say)


def sample_run(
    run_id: str,
    count: int,
    out: Path,
    *,
    seed: int,
    device: str,
    uri: str | None,
    root: Path,
    plugins: Sequence[Path],
) -> None:
    """Writes a grid of samples of a tracked run.

    Raises:
        UsageError: No such run, or its checkpoint is not under ``root``.
    """
    load_plugins(plugins)
    record = Store(uri).record(run_id)
    config = recorded(record.params)
    held = held_for(config, resolve_device(device))
    folder = root / record.tags.get("folder", "?")
    if not (folder / LAST).exists() and record.tags.get("role") != "baseline":
        raise UsageError(
            f"run '{run_id}' has no checkpoint in {folder}: give its folder with --root"
        )
    trainable = restore(config, held, folder)
    noise = DeviceNoise(generator("sample", seed), held.device)
    images = draw(trainable.modules, trainable.eval_fns, count, noise)
    columns = max(1, round(count**0.5))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(to_png(grid(images, columns=columns, scale=display_scale(images.shape[2]))))


def serve_ui(*, study: str | None, host: str, port: int, uri: str | None, say: Say) -> None:
    """Serves what was logged until it is interrupted.

    Raises:
        UsageError: Nothing was logged for that study, or the store is a server already.
    """
    store = Store(uri)
    found = [e for e in store.experiments() if e.name != "Default"]
    found = [e for e in found if study is None or e.name.startswith(study)]
    if not found:
        raise UsageError(f"nothing is logged for '{study or 'any study'}': run `bench run` first")
    page = f"#/experiments/{found[0].experiment_id}/runs?compareRunsMode=CHART&workflowType=machine_learning"
    if store.uri.startswith("http"):
        say(f"the comparison page is {store.uri.rstrip('/')}/{page}")
        return
    say(f"comparison page: http://{host}:{port}/{page}  (Ctrl-C ends the server)")
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    done = subprocess.run(
        serve_command(store.uri, host=host, port=port), env=environment, check=False
    )
    if done.returncode not in {0, -2, -15, 130}:
        raise UsageError(
            f"the MLflow server ended with {done.returncode}: is port {port} free? use --port"
        )


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


def _require_data(study: Study, identity: Identity, runs: Sequence[PlannedRun]) -> None:
    """Data and detector are there before anything starts, and fetched by one process only."""
    datasets.load(identity.dataset)
    if (
        find_detector(runs[0].config.eval.detector, identity.dataset) is None
        and study.primary == "fd_"
    ):
        raise UsageError(missing_detector(identity.dataset))


def _require_parts(config: RunConfig, device: str) -> None:
    """Device, data, detector, likelihood and so on are there before a run is made of them."""
    held = held_for(config, resolve_device(device))
    find(config.name)[1].build(config.model, held.spec)


def _forecast(runs: Sequence[PlannedRun], device: torch.device) -> dict[str, float]:
    """Seconds per run by configuration without its seed."""
    forecast: dict[str, float] = {}
    for run in runs:
        key = _without_seed(run)
        if key not in forecast:
            forecast[key] = seconds_per_run(run.config, held_for(run.config, device))
    return forecast


def _without_seed(run: PlannedRun) -> str:
    train = run.config.train.model_copy(update={"seed": 0})
    return run.config.model_copy(update={"train": train}).digest


def _plan_line(study: Study, identity: Identity, runs: Sequence[PlannedRun], seconds: float) -> str:
    images = sum(run.config.train.num_images for run in runs if not run.cell.baseline)
    return (
        f"{study.name} ({identity.tier}) on {identity.dataset}: {len(runs)} runs, "
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


def _discard(driver: Driver) -> None:
    driver.forget()
    driver.store.discard_runs(driver.experiment_id)


def _sum_up(study: Study, identity: Identity, driver: Driver, say: Say) -> dict[str, Any]:
    from bench.report.writer import summary_rows  # pandas and matplotlib take seconds

    records = driver.store.records(driver.experiment_id)
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


def _train_config(options: TrainOptions, original: RunRecord | None) -> RunConfig:
    if (options.model is None) == (original is None):
        raise UsageError("bench train takes a MODEL or --config RUN: give exactly one of them")
    overrides = parse_assignments(list(options.overrides))
    if original is not None:
        if overrides or options.dataset:
            raise UsageError("--config repeats a run as it was: leave out --set and --dataset")
        return recorded(original.params)
    data = {"data.dataset": options.dataset} if options.dataset else {}
    return configure(options.model or "", overrides, data)


def _single_run(store: Store, config: RunConfig, folder: Path, original: RunRecord | None) -> str:
    """The run's id, kept in its folder so that the same command continues it."""
    kept = folder / "run_id"
    if kept.exists():
        return kept.read_text().strip()
    experiment_id = store.experiment("train")
    tags = {
        "family": config.name,
        "model": config.name,
        "dataset": config.data.dataset,
        "seed": str(config.train.seed),
        "role": "run",
        "config_digest": config.digest,
        "git_commit": git_commit(),
        "folder": str(Path("train") / folder.name),
        "command": shlex.join(["bench", *sys.argv[1:]]),
        **({"repeats": original.run_id} if original else {}),
    }
    name = f"{config.name} {config.data.dataset} seed={config.train.seed}"
    params = {key: str(value) for key, value in config.flat().items()}
    run_id = store.create_run(experiment_id, name=name, params=params, tags=tags)
    folder.mkdir(parents=True, exist_ok=True)
    kept.write_text(run_id)
    return run_id


def _threads(original: RunRecord | None) -> int:
    """A repeated run takes as many threads as the first: sums in another order are other bits."""
    return int(original.tags.get("threads", "1")) if original else num_cores()


def _told(result: TrialResult, run_id: str, original: RunRecord | None, say: Say) -> dict[str, Any]:
    for name, value in sorted(result.metrics.items()):
        say(f"{name:<44} {value:.4f}")
    say(f"{result.status} {result.reason}".rstrip())
    summary: dict[str, Any] = {"run_id": run_id, **result.to_json()}
    if original is not None:
        differences = _differences(result.metrics, original.metrics)
        summary["differences"] = differences
        say(
            f"differs from {original.run_id}: {json.dumps(differences)}"
            if differences
            else f"identical to {original.run_id}"
        )
    return summary


def _differences(
    new: dict[str, float], old: dict[str, float]
) -> dict[str, tuple[float | None, float]]:
    """Final values that are not the same to the last bit; seconds are not compared."""
    return {
        name: (old.get(name), value)
        for name, value in new.items()
        if not name.endswith("_seconds") and old.get(name) != value
    }
