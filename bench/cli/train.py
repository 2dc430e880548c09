"""``bench train``: one run, or a tracked run once more."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cli import names
from bench.cli.ending import ending, in_its_place, scale_of, value_lines
from bench.cli.options import (
    Dataset,
    Deterministic,
    Device,
    Fresh,
    Plugins,
    Root,
    Say,
    Sets,
    Threads,
    Uri,
    Weights,
    called_as,
    command,
    quiet,
    say_notes,
)
from bench.config import RunConfig, in_precision, listed, parse_assignments
from bench.errors import UsageError
from bench.files import alone_in
from bench.models import config_from_params, configure
from bench.records import DataSpec, RunRecord, RunTags, TrialResult
from bench.text import masked
from bench.training.checkpoint import RESULT

if TYPE_CHECKING:
    from bench.engines.task import Task
    from bench.study.renewal import Place
    from bench.tracking.entries import About
    from bench.tracking.mlflow import Store


@command("train", fails=lambda told: told["status"] == "failed" or told.get("differences"))
def train_one(
    model: Annotated[
        str | None, typer.Argument(help="MODEL or MODEL:PRESET", autocompletion=names.models)
    ] = None,
    *,
    config: Annotated[str | None, typer.Option("--config", help="repeat this tracked run")] = None,
    dataset: Dataset = None,
    overrides: Sets = None,
    device: Device = "auto",
    threads: Threads = None,
    deterministic: Deterministic = False,
    tracking_uri: Uri = None,
    root: Root = Path("runs"),
    plugins: Plugins = None,
    fresh: Fresh = False,
    inception_weights: Weights = None,
    everything: Annotated[
        bool, typer.Option("--all", help="print every value, not the five lines that matter")
    ] = False,
    say: Say = quiet,
) -> dict[str, Any]:
    """One run; with ``config`` a tracked run again, compared with the first.

    Raises:
        UsageError: Anything about the options that cannot work.
    """
    if (model is None) == (config is None):
        raise UsageError("bench train takes a MODEL or --config RUN: give exactly one of them")
    original = _original(config, tracking_uri) if config is not None else None
    wanted = _config(model, original, dataset, overrides or [])
    from bench.engines.task import Task  # names and values are right by now
    from bench.runtime import prepare
    from bench.study.renewal import Place
    from bench.study.space import require_space
    from bench.tracking.entries import run_id_of
    from bench.tracking.mlflow import Store

    # A repeated run takes as many threads as the first: sums in another order are other bits.
    threads = threads or (original.about.threads if original else None) or 1
    deterministic = deterministic or (original is not None and _repeats(original))
    prepare(threads, deterministic=deterministic)
    wanted = _in_precision(wanted, root, device, say)
    spec = _require_parts(wanted, device, say)
    store = Store(tracking_uri)
    suffix = f"-repeat-{original.run_id[:8]}" if original else ""
    folder = root / "train" / f"{wanted.digest}{suffix}"
    require_space([(wanted, "run", folder)], spec, root=root, store=store.uri, jobs=1, say=say)
    if folder.exists() and (fresh or (original and (folder / RESULT).exists())):
        with alone_in(folder):
            shutil.rmtree(folder)
    about = _about(wanted, folder, original)
    if not fresh and original is None:
        label = f"the run of {wanted.name}"
        _renew(Place(label=label, folder=folder, config=wanted, about=about), root, store, say)
    task = Task(
        params=wanted.params(),
        about=about,
        folder=str(folder),
        uri=store.uri,
        device=device,
        threads=threads,
        deterministic=deterministic,
        plugins=tuple(str(path.absolute()) for path in plugins or ()),
    )
    result = _trained(task, wanted, store, say)
    if values := value_lines(result) if everything else in_its_place(result):
        say("\n".join(values))
    run_id = run_id_of(folder)
    if say is not quiet:  # the scale takes a moment
        again = _same_place(root, tracking_uri, plugins or ())
        say("\n".join(ending(result, folder, run_id, scale_of(wanted, device), again)))
    summary: dict[str, Any] = {"run_id": run_id, **result.to_json()}
    return summary if original is None else summary | _compared(result, original, say)


def _trained(task: Task, config: RunConfig, store: Store, say: Say) -> TrialResult:
    """How a run ends that is announced before it begins; the store has all of it then."""
    from bench.engines.task import tracked_run
    from bench.runtime import provenance_warning
    from bench.tracking.delivery import deliver_all

    begun = tracked_run(task, store)
    say(f"run {begun}: {config.name} on {config.data.dataset}, {config.train.num_images:,} images")
    if warning := provenance_warning():
        say(warning)
    result = _shown(task, config.train.num_images, silent=say is quiet)
    deliver_all([Path(task.folder)], store)
    return result


def _compared(result: TrialResult, original: RunRecord, say: Say) -> dict[str, Any]:
    """What is not as in the run that was repeated; said."""
    differences = _differences(result, original)
    found = f"differs from {original.run_id}: {json.dumps(differences)}"
    say(found if differences else f"identical to {original.run_id}")
    compared: dict[str, Any] = {"differences": differences}
    if made := _made_otherwise(result, original.about):
        compared["made_otherwise"] = made
        say(f"and was made otherwise: {', '.join(made)}")
    return compared


def _shown(task: Task, num_images: int, *, silent: bool) -> TrialResult:
    """Its result; until then its line stands in a terminal."""
    from bench.cli.progress import run_progress
    from bench.cli.running import Running
    from bench.engines.task import run_task
    from bench.runtime import stop_requests

    shown = Running(task.about.name, Path(task.folder), num_images)
    with run_progress(shown, silent=silent), stop_requests() as should_stop:
        return run_task(task, should_stop)


def _same_place(root: Path, tracking_uri: str | None, plugins: Sequence[Path]) -> list[str]:
    """Options by which another command finds the run."""
    words = [word for path in plugins for word in ("--plugin", str(path))]
    words += ["--root", str(root)] if root != Path("runs") else []
    return words + (["--tracking-uri", masked(tracking_uri)] if tracking_uri else [])


def _original(run: str, tracking_uri: str | None) -> RunRecord:
    """The run that is to be repeated."""
    from bench.tracking.recorded import open_recorded

    return open_recorded(tracking_uri).record(run)


def _in_precision(config: RunConfig, root: Path, device: str, say: Say) -> RunConfig:
    """The configuration with what ``auto`` comes to, which is said."""
    if config.train.precision != "auto":
        return config
    from bench.runtime import resolve_device
    from bench.training.precision import decided_for_one

    def require(plain: RunConfig) -> object:
        return _require_parts(plain, device, quiet)

    decision = decided_for_one(config, root / "train", resolve_device(device), require)
    say(str(decision))
    return in_precision(config, decision.precision)


def _renew(place: Place, root: Path, store: Store, say: Say) -> None:
    """What counts still of a run that is there, or was trained for other measures; said."""
    from bench.study.renewal import Renewal, unrecorded
    from bench.training.renewal import finished_at

    renewal = Renewal(root, store, "train")
    renewal.retire(renewal.changed([place]), say)
    renewal.take([place], say)
    if when := finished_at([place.folder]):
        missing = unrecorded([place.folder])
        why = " by an older version (identity not recorded)" if missing else ""
        say(f"{place.label} was finished at {when}{why}: --fresh trains it once more")


def _repeats(original: RunRecord) -> bool:
    """Whether a run was made on a GPU that repeats to the last bit."""
    return original.tags.get("device") == "cuda" and original.tags.get("deterministic") == "True"


def _require_parts(config: RunConfig, device: str, say: Say) -> DataSpec:
    """Device, data, detector, likelihood, memory are there before a run is made of them."""
    from bench.metrics import requested
    from bench.runtime import resolve_device
    from bench.training.needs import distance_lacking, require_possible
    from bench.training.parts import reference_for

    requested(listed(config.eval.measures))
    reference = reference_for(config, resolve_device(device))
    say_notes(reference.notes, say)
    lacking = distance_lacking(config, reference)
    if lacking and not (reference.detector or reference.other_detectors):
        raise UsageError(lacking)
    if lacking:
        say(f"note: no distance to choose by, others are measured in its place: {lacking}")
    require_possible([config], reference)
    return reference.spec


def _config(
    model: str | None, original: RunRecord | None, dataset: str | None, overrides: list[str]
) -> RunConfig:
    assigned = parse_assignments(overrides)
    if original is not None:
        if assigned or dataset:
            raise UsageError("--config repeats a run as it was: leave out --set and --dataset")
        return config_from_params(original.params)
    data = {"data.dataset": dataset} if dataset else {}
    return configure(model or "", assigned, data)


def _about(config: RunConfig, folder: Path, original: RunRecord | None) -> About:
    """What the store is told of the run before it begins."""
    from bench.runtime import git_commit
    from bench.tracking.entries import About

    tags = RunTags(
        family=config.name,
        model=config.name,
        dataset=config.data.dataset,
        seed=config.train.seed,
        role="run",
        config_digest=config.digest,
        git_commit=git_commit(),
        folder=str(Path("train") / folder.name),
        command=called_as(),
        repeats=original.run_id if original else "",
    ).to_tags()
    name = f"{config.name} {config.data.dataset} seed={config.train.seed}"
    return About(experiment="train", name=name, params=config.params(), tags=tags)


def _made_otherwise(result: TrialResult, original: RunTags) -> list[str]:
    """Parts of what made a run that are not those of the first; nothing where it recorded none."""
    from bench.training.identity import differing

    pairs = ((original.trained_by, result.trained_by), (original.measured_by, result.measured_by))
    return [part for text, now in pairs if text for part in differing(json.loads(text), now)]


def _differences(result: TrialResult, original: RunRecord) -> dict[str, Any]:
    """Status and final values that are not the same to the last bit; seconds are not compared."""
    new, old = result.metrics, original.metrics
    final = {name for name in old if name.startswith(("val/", "test", "cost/"))}
    found: dict[str, Any] = {
        name: (old.get(name), new.get(name))
        for name in sorted(final | new.keys())
        if not name.endswith("_seconds") and repr(old.get(name)) != repr(new.get(name))
    }
    if result.status != original.about.status:
        found["status"] = (original.about.status or None, result.status)
    return found
