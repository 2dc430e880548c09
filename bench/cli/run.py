"""``bench run``: a study, from its options to its summary."""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cli.options import (
    Dataset,
    Deterministic,
    Device,
    Fresh,
    Plugins,
    Root,
    Say,
    Sets,
    StudyOption,
    StudyWord,
    TierName,
    Uri,
    Weights,
    columns,
    command,
    one_study,
    quiet,
    say_notes,
)
from bench.cli.preview import as_text, matched_line, plan_line, plan_table, seconds_by_label
from bench.config import listed
from bench.engines import Engine, Placement, engine_of
from bench.errors import UsageError
from bench.plan.files import load_study
from bench.plan.space import MOST_TRIAL_SEEDS, MOST_TRIALS, bounds
from bench.plan.study import AT_LOOKS, LOOK_EVERY, MOST_AT_LOOKS, MOST_SEEDS
from bench.records import LOOKS, SEEDS, RunRecord
from bench.study.plan import PlannedRun, StudyPlan, in_looks, resolve
from bench.text import shown
from bench.tracking.address import require_apart, store_uri
from bench.training.checkpoint import RESULT

if TYPE_CHECKING:
    from bench.study.driver import Driver
    from bench.study.storage import Found


@command("run", fails=lambda summary: summary.get("failed"))
def run_study(
    study: StudyWord = None,
    *,
    named: StudyOption = None,
    tier: TierName = "classroom",
    dataset: Dataset = None,
    overrides: Sets = None,
    seeds: Annotated[
        int | None,
        typer.Option("--seeds", min=1, max=MOST_SEEDS, help="seeds per cell; default: the tier's"),
    ] = None,
    only_seed: Annotated[
        int | None,
        typer.Option(
            "--only-seed",
            min=0,
            max=MOST_SEEDS - 1,
            help="this seed of each cell, for bench merge",
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", help="decided: more seeds until every comparison is"),
    ] = None,
    max_seeds: Annotated[
        int | None,
        typer.Option(
            "--max-seeds",
            min=LOOK_EVERY,
            max=MOST_AT_LOOKS,
            help=f"with --until; default: {AT_LOOKS}",
        ),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option("--trials", min=1, max=MOST_TRIALS, help="of a search, for each family"),
    ] = None,
    seeds_per_trial: Annotated[
        int | None,
        typer.Option(
            "--seeds-per-trial", min=1, max=MOST_TRIAL_SEEDS, help="of a search, averaged"
        ),
    ] = None,
    jobs: Annotated[str, typer.Option("--jobs", help="runs at a time: a number or auto")] = "auto",
    engine: Annotated[
        str | None, typer.Option("--engine", help="where runs run: see `bench list engines`")
    ] = None,
    ray_address: Annotated[
        str | None, typer.Option("--ray-address", help="with --engine ray: a cluster's address")
    ] = None,
    cpus_per_run: Annotated[
        float, typer.Option("--cpus-per-run", help="with --engine ray")
    ] = Placement.cpus,
    gpus_per_run: Annotated[
        float, typer.Option("--gpus-per-run", help="with --engine ray, on a GPU")
    ] = Placement.gpus,
    device: Device = "auto",
    deterministic: Deterministic = False,
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
    plan = resolve(
        load_study(one_study(study, named, say)),
        tier=tier,
        dataset=dataset,
        overrides=overrides or (),
        seeds=seeds,
        only_seed=only_seed,
        trials=trials,
        seeds_per_trial=seeds_per_trial,
        device=device,
        deterministic=deterministic,
        root=root,
        storage=storage,
        plugins=plugins or (),
    )
    if storage is not None:
        require_apart(storage, store_uri(tracking_uri))
    if until is not None or max_seeds is not None:
        if until != "decided":
            said = "--max-seeds alone" if until is None else f"--until {shown(until)}"
            raise UsageError(f"a study goes on --until decided, got {said}: write --until decided")
        plan = in_looks(plan, max_seeds or AT_LOOKS)
    from bench.runtime import prepare
    from bench.study.precision import with_precision

    prepare(deterministic=deterministic)
    plan, decision = with_precision(plan, keep=not dry_run, require=_require_all)
    if decision:
        say(str(decision))
    place = Placement(address=ray_address, cpus=cpus_per_run, gpus=gpus_per_run)
    runs_on = engine_of(engine, place) if engine or place != Placement() else None
    run = partial(_run_plan, jobs=jobs, engine=runs_on, uri=tracking_uri, dry_run=dry_run, say=say)
    if plan.looks and not dry_run:
        from bench.cli.until import run_until_decided

        return run_until_decided(plan, run, fresh=fresh, uri=tracking_uri, say=say)
    return run(replace(plan, compared=max(plan.looks, default=0)), fresh=fresh)


def _run_plan(
    plan: StudyPlan,
    *,
    jobs: str,
    engine: type[Engine] | None,
    uri: str | None,
    dry_run: bool,
    fresh: bool,
    say: Say,
) -> dict[str, Any]:
    from bench.engines import speedup

    everything = plan.everything()
    unfinished = _unfinished(plan, everything)
    at_a_time = _at_a_time(jobs, engine, plan, unfinished or fresh or dry_run)
    if unfinished or dry_run:  # what is finished is answered without its images
        _require_parts(plan, everything, at_a_time, say)
    if dry_run:
        return _shown(plan, everything, speedup(at_a_time, engine), say)
    from bench.study.driver import Driver
    from bench.study.edits import edits
    from bench.tracking.mlflow import Store

    driver = Driver(plan, Store(uri))
    if plan.looks and not fresh:
        from bench.cli.until import require_same_looks

        require_same_looks(driver)
    changed = [] if fresh else driver.changed()
    # What is finished is only summed up, which needs no claim.
    begun = fresh or plan.num_trials or changed or driver.left()
    with driver.alone() if begun else contextlib.nullcontext():
        driver.tracked.describe(_description(plan))
        if edited := edits(plan):
            say(edited)
        if fresh:
            driver.forget()
        elif begun:
            driver.renew(
                driver.changed() if changed else [], say
            )  # another driver may have been at it
        driver.settle()
        left = driver.left()
        if finished := _finished_line(plan, everything, left):
            say(finished)
        if left and not unfinished:
            at_a_time = _at_a_time(jobs, engine, plan, left)
            _require_parts(plan, left, at_a_time, say)
        if left or plan.num_trials:  # with another number of trials others of them may count
            _run(driver, left, at_a_time, engine, say)
    return _sum_up(driver, say)


def _at_a_time(jobs: str, engine: type[Engine] | None, plan: StudyPlan, something: object) -> int:
    """``--jobs`` as a number; ``auto`` is timed where there is something to run."""
    from bench.engines import num_jobs

    return num_jobs(jobs if something or jobs != "auto" else "1", engine, plan.device)


def _run(
    driver: Driver,
    left: Sequence[PlannedRun],
    jobs: int,
    engine: type[Engine] | None,
    say: Say,
) -> None:
    from bench.cli.progress import StudyProgress
    from bench.engines import open_engine, speedup
    from bench.runtime import provenance_warning
    from bench.study.space import require_space

    plan, jobs = driver.plan, max(1, min(jobs, len(left)))
    require_space(
        [(run.config, run.stage, plan.folder / run.key) for run in left],
        plan.spec(),
        root=plan.root,
        store=driver.tracked.store.uri,
        jobs=jobs,
        say=say,
    )
    # Workers import what they need while this process takes its timings.
    with contextlib.closing(open_engine(engine, jobs, plan.folder)) as opened:
        forecast = seconds_by_label(left, plan.device)
        faster = 1.0
        if left:
            # Workers need as long to start as this process has needed.
            start = time.process_time() if jobs > 1 else 0.0
            faster = speedup(jobs, engine)
            if jobs > 1 and plan.device.type == "cpu":
                say(f"{jobs} runs at a time, on one thread each, do {faster:.1f} x the work of one")
            say(plan_line(plan.identity, left, start + sum(forecast.values()) / faster))
            there = [one.about.git_commit for one in driver.tracked.records() if one.about.status]
            if warning := provenance_warning(there):
                say(warning)
        with StudyProgress(plan.folder, forecast, faster, silent=say is quiet) as progress:
            driver.run(opened, progress)


def _require_all(plan: StudyPlan) -> None:
    """Every run of a study can be made."""
    _require_parts(plan, plan.everything(), 1, quiet)


def _require_parts(plan: StudyPlan, runs: Sequence[PlannedRun], jobs: int, say: Say) -> None:
    """Data, detector, the parts of models and memory are there before anything starts."""
    from bench.metrics import requested
    from bench.training.needs import distance_lacking, require_possible
    from bench.training.parts import reference_for

    config = runs[0].config
    requested(listed(config.eval.measures))
    reference = reference_for(config, plan.device)
    say_notes(reference.notes, say)
    if lacking := distance_lacking(config, reference):
        raise UsageError(lacking)
    unfinished = _unfinished(plan, runs)
    ends = [
        plan.trial(arm, 0, values).config
        for arm, space in plan.study.spaces.items()
        for values in bounds(space)
    ]
    jobs = max(1, min(jobs, len(runs)))
    require_possible([*ends, *(run.config for run in unfinished)], reference, jobs)


def _unfinished(plan: StudyPlan, runs: Sequence[PlannedRun]) -> list[PlannedRun]:
    return [run for run in runs if not (plan.folder / run.key / RESULT).exists()]


def _finished_line(
    plan: StudyPlan, everything: Sequence[PlannedRun], left: Sequence[PlannedRun]
) -> str:
    """How many runs there is nothing to do for, since when, and how they are repeated."""
    from bench.training.renewal import finished_at

    number = len(everything) - len(left)
    if not number:
        return ""
    when = finished_at(path.parent for path in plan.folder.glob(f"*/{RESULT}"))
    since = f", the last at {when}" if when else ""
    again = "" if left else ": --fresh discards and repeats them"
    return f"{number} of {len(everything)} runs are finished already{since}{again}"


def _shown(plan: StudyPlan, runs: Sequence[PlannedRun], faster: float, say: Say) -> dict[str, Any]:
    """What would run, and how long it would take."""
    from bench.study.space import space_line

    for line in [*plan_table(runs, plan.study.spaces), matched_line(plan)]:
        if line:
            say(line)
    left = _to_do(plan, runs)
    done = len(runs) - len(left)
    seconds = sum(seconds_by_label(left, plan.device).values()) / faster
    if left:
        say(space_line([(run.config, run.stage) for run in left], plan.spec()))
    say(plan_line(plan.identity, runs, seconds, done=done))
    flat = {run.label: run.config.flat() for run in runs}
    return {"runs": len(runs), "done": done, "forecast_seconds": seconds, "configurations": flat}


def _to_do(plan: StudyPlan, runs: Sequence[PlannedRun]) -> list[PlannedRun]:
    """The runs that have no result; of a search, which chooses what they are, by their number."""
    left = [run for run in runs if plan.result(run) is None]
    if not plan.study.search:
        return left
    known = {run.key for run in runs}
    ended = {path.parent.name for path in plan.folder.glob(f"*/{RESULT}")} - known
    done = Counter("trial" if name.startswith("trial") else "run" for name in ended)
    to_do = []
    for run in left:
        if run.cell.baseline or not done[run.stage]:
            to_do.append(run)
        else:
            done[run.stage] -= 1
    return to_do


def _description(plan: StudyPlan) -> dict[str, str]:
    """Tags of the study's experiment; the first is what MLflow's UI shows."""
    from bench.results.format import code, prose
    from bench.results.present import PRESENT

    report = f"Report: {code(f'bench report {plan.identity.flags()}')}"
    said = [f"**{prose(plan.study.question)}**", code(plan.command), report]
    said += [f"The {line}."] if (line := matched_line(plan)) else []
    return {
        "mlflow.note.content": "\n\n".join(said),
        "bench.identity": plan.identity.model_dump_json(),
        "bench.study": plan.study.name,
        "bench.command": plan.command,
        PRESENT: json.dumps(_settings_of_arms(plan), sort_keys=True),
        SEEDS: ",".join(map(str, plan.seeds_of_a_cell)),
        **({LOOKS: ",".join(map(str, plan.looks))} if plan.looks else {}),
    }


def _settings_of_arms(plan: StudyPlan) -> dict[str, str]:
    """By arm and baseline the digest by which a report knows the runs of this plan."""
    from bench.results.present import settings_digest

    cells = {cell.arm: cell for cell in reversed(plan.study.cells(plan.identity.tier))}
    return {
        arm: settings_digest(cell, plan.configured(cell, 0).params(), plan.study)
        for arm, cell in cells.items()
    }


def _sum_up(driver: Driver, say: Say) -> dict[str, Any]:
    from bench.report.short import summary_rows
    from bench.study.renewal import unrecorded

    plan = driver.plan
    wanted = {run.digest for run in driver.runs()}
    everything = driver.tracked.records()
    known = [record for record in everything if not record.about.is_retired]
    records = [record for record in known if record.about.config_digest in wanted]
    trials = [r for r in everything if plan.num_trials and r.about.role == "search"]
    statuses = [record.about.status or "running" for record in [*trials, *records]]
    counts = {status: statuses.count(status) for status in sorted(set(statuses))}
    say(_counted([*trials, *records]))
    if before := unrecorded(path.parent for path in plan.folder.glob(f"*/{RESULT}")):
        say(f"{before} of an older version: identity not recorded, they count as they are")
    best = driver.best()
    if plan.num_trials:
        say(f"best of {plan.num_trials} trials of each family on validation:")
        say("\n".join(_best_rows(plan, best)))
    rows = summary_rows(plan.study, plan.identity, records) if records else []
    if rows:
        say("best cell of each family by mean validation distance:")
        say("\n".join(columns([list(rows[0]), *(list(row.values()) for row in rows)])))
    say(f"report: bench report {plan.identity.flags()}")
    driver.tracked.dress()
    return {
        "study": plan.study.name,
        "experiment": plan.identity.key,
        "failed": counts.get("failed", 0),
        "runs": counts,
        "best": rows,
        **({"found": {arm: vars(one) for arm, one in best.items()}} if plan.num_trials else {}),
    }


def _counted(records: Sequence[RunRecord]) -> str:
    """How many runs ended how, as a report counts them: ``2 collapsed, 70 ok; baselines: 3 ok``."""
    kinds = {
        "": [one for one in records if one.about.role != "baseline"],
        "baselines: ": [one for one in records if one.about.role == "baseline"],
    }
    said = []
    for name, some in kinds.items():
        counts = Counter(one.about.status or "running" for one in some)
        words = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
        said += [f"{name}{words}"] if words else []
    return "; ".join(said)


def _best_rows(plan: StudyPlan, best: dict[str, Found]) -> list[str]:
    """What the search found for each arm, as a table."""
    rows = [["family", "trial", "validation", "settings"]]
    for arm in plan.study.spaces:
        if (one := best.get(arm)) is None:
            rows.append([arm, "-", "no trial has a value", ""])
        else:
            rows.append([arm, str(one.trial), f"{one.value:.2f}", as_text(one.values)])
    return columns(rows)
