"""``bench eval``: a finished run measured again, or images made elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from bench.cli.options import (
    Dataset,
    Device,
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
from bench.config import EvalSettings, RunConfig, listed, parse_assignments
from bench.datasets import require_pictures
from bench.datasets._splits import digest_of
from bench.errors import UsageError
from bench.evaluation.outside import Given, inverted, read_outside, require_images
from bench.evaluation.view import Generated
from bench.metrics import declared_tag, requested
from bench.metrics._evaluate import measure, num_samples, view_of
from bench.models import config_from_params, configure
from bench.pictures import draw_pictures
from bench.plan.files import load_study
from bench.plan.study import Identity
from bench.records import OUTSIDE, RunRecord, RunTags
from bench.runtime import environment, prepare, resolve_device
from bench.tracking.journal import note_tags
from bench.tracking.mlflow import Store
from bench.tracking.recorded import find_recorded, open_recorded
from bench.training.identity import require_same_data
from bench.training.parts import reference_for, restore_run
from bench.training.run import log_result, open_test_split, result_of

EXPERIMENT = "eval"
"""Where records go that belong to no study."""

Context = tuple[str, RunConfig, RunTags]
"""Experiment, settings and tags of outside images: those of a study, so that values compare, or one's
own. The noise baseline lends its configuration, which has nothing but data and evaluation."""


@command("eval")
def evaluate_one(
    run_id: Annotated[
        str | None, typer.Argument(metavar="RUN", help="a finished run: id, or its beginning")
    ] = None,
    *,
    images: Annotated[
        Path | None, typer.Option("--images", help="folder or .npz of images made elsewhere")
    ] = None,
    dataset: Dataset = None,
    name: Annotated[str | None, typer.Option("--name", help="of the model of --images")] = None,
    seed: Annotated[
        int, typer.Option("--seed", min=0, max=2**31 - 1, help="that the images came from")
    ] = 0,
    study: Annotated[
        str | None, typer.Option("--study", help="put --images into this study's tables")
    ] = None,
    tier: Annotated[str | None, typer.Option("--tier", help="of that study")] = None,
    overrides: Sets = None,
    device: Device = "auto",
    threads: Threads = None,
    tracking_uri: Uri = None,
    root: Root = Path("runs"),
    plugins: Plugins = None,
    inception_weights: Weights = None,
    say: Say = quiet,
) -> dict[str, Any]:
    """Measures a run or images on both held-out splits; a tracking record of its own.

    Raises:
        UsageError: Anything about the options that cannot work.
    """
    if (run_id is None) == (images is None):
        raise UsageError("bench eval takes a RUN or --images PATH: give exactly one of them")
    _eval_settings(overrides or [])
    if images is not None:
        _require_context(study, tier, dataset)
        require_images(images)
    elif name or study or tier or dataset or seed:
        raise UsageError(
            "--name, --seed, --study, --tier and --dataset are for images made elsewhere: a "
            "run has them, leave them out"
        )
    prepare(threads or 1)
    on = resolve_device(device)
    store = Store(tracking_uri) if images is not None else open_recorded(tracking_uri)
    if images is None:
        return _measure_run(store, run_id or "", overrides or [], root=root, device=on, say=say)
    if study is None:
        data = {"data.dataset": dataset}
        config = configure("uniform_noise", _eval_settings(overrides or []), data)
        context = EXPERIMENT, config, RunTags()
    else:
        found = find_recorded(store, study, tier=tier, dataset=dataset, sets=overrides or [])
        context = _study_context(found[0], name)
    name = name or images.stem
    return _measure_images(store, images, context, name=name, seed=seed, device=on, say=say)


def _require_context(study: str | None, tier: str | None, dataset: str | None) -> None:
    """What can be said of them before a store is opened."""
    if study is not None:
        load_study(study)
    elif dataset is None:
        raise UsageError("--images needs --dataset: the data set whose images they stand for")
    elif tier is not None:
        raise UsageError(f"--tier {tier} is a tier of a study: give --study as well")


def _measure_run(
    store: Store, run_id: str, overrides: list[str], *, root: Path, device: torch.device, say: Say
) -> dict[str, Any]:
    original = store.record(run_id)
    said = original.about
    if not said.status:
        raise UsageError(
            f"run '{original.run_id}' has not ended: continue it with the command it was started with"
        )
    if said.status in {"diverged", "failed"}:
        raise UsageError(
            f"run '{original.run_id}' {said.status} and has no state to measure: {said.reason}"
        )
    config = config_from_params({**original.params, **_eval_settings(overrides)})
    reference = reference_for(config, device)
    if changed := require_same_data(original, config, reference.spec):
        say(f"run {original.run_id} was trained with other {', '.join(changed)} than there is now")
    folder = root / (said.folder or "?")
    trainable = restore_run(config, reference, folder, original.run_id)
    requested(listed(config.eval.measures))
    reads = open_test_split(folder, store.logger(original.run_id), said.test_reads or 0)
    note_tags(folder, {"test_reads": str(reads)}, run_id=original.run_id)
    kept = ("family", "model", "dataset", "seed", "tier", "study", "config_digest", "passport")
    tags = {key: original.tags[key] for key in kept if key in original.tags}
    own = RunTags(role="evaluation", evaluates=original.run_id, test_reads=reads)
    return _measured(
        store,
        Generated(reference, trainable.modules, trainable.eval_fns),
        config.eval,
        experiment=EXPERIMENT,
        title=f"evaluation of {original.run_id[:8]}",
        params=config.flat(),
        tags={**tags, **own.to_tags()},
        images_seen=int(original.metrics.get("cost/images_seen", 0)),
        say=say,
    )


def _eval_settings(overrides: list[str]) -> dict[str, str]:
    """``["max_samples=..."]`` to ``{"eval.max_samples": ...}``.

    Raises:
        UsageError: A key that is not one of ``eval.``.
    """
    known = EvalSettings.model_fields
    assigned = parse_assignments(overrides)
    for key in assigned:
        if key.removeprefix("eval.") not in known:
            raise UsageError(
                f"bench eval measures and does not train: --set takes {', '.join(known)}, got '{key}'"
            )
    return {f"eval.{key.removeprefix('eval.')}": value for key, value in assigned.items()}


def _measure_images(
    store: Store,
    images: Path,
    context: Context,
    *,
    name: str,
    seed: int,
    device: torch.device,
    say: Say,
) -> dict[str, Any]:
    experiment, config, tags = context
    reference = reference_for(config, device)
    require_pictures(reference.spec, "eval --images")
    parts = read_outside(images, reference.spec, reference.classes)
    arrays, odd = parts.train, inverted(parts.train.images, reference.images("val"))
    say_notes((*reference.notes, *parts.notes, *filter(None, [odd])), say)
    wanted = max(num_samples(config.eval, reference))
    if tags.study and len(arrays) < wanted:
        raise UsageError(
            f"'{images}' has {len(arrays)} images, {tags.study} measures with {wanted}: "
            "add images, distances compare at equal numbers only"
        )
    tags = replace(tags, images_digest=digest_of(arrays), family=name, seed=seed)
    known = store.records_of(experiment)
    _refuse_another(known, tags)
    flat = config.flat()
    params = {key: flat[key] for key in flat if key.startswith(("data.", "eval."))}
    reads = sum(record.about.images_digest == tags.images_digest for record in known)
    return _measured(
        store,
        Given(reference, arrays),
        config.eval,
        experiment=experiment,
        title=f"{name} seed={seed}",
        params={"model": OUTSIDE, "train.seed": seed, **params},
        tags=replace(
            tags,
            role=OUTSIDE,
            model=OUTSIDE,
            dataset=config.data.dataset,
            test_reads=reads + 1,
        ).to_tags(),
        say=say,
    )


def _study_context(identity: Identity, name: str | None) -> Context:
    study = load_study(identity.study)
    taken = {*(arm.name for arm in study.arms), *study.baselines}
    if name in taken:
        raise UsageError(f"'{name}' is a row of {study.name} already: give another --name")
    planned = study.tier(identity.tier).settings | identity.overrides
    measured = {key: value for key, value in planned.items() if key.startswith("eval.")}
    config = configure("uniform_noise", measured, {"data.dataset": identity.dataset})
    return identity.key, config, RunTags(study=identity.study, tier=identity.tier)


def _refuse_another(known: Sequence[RunRecord], tags: RunTags) -> None:
    """One name and seed stand for one set of images."""
    for record in known:
        said = record.about
        same = (said.family, said.seed) == (tags.family, tags.seed)
        if same and said.images_digest not in {"", tags.images_digest}:
            raise UsageError(
                f"'{tags.family}' with seed {tags.seed} stands for other images already "
                f"(run {record.run_id}): give --name or --seed"
            )


def _measured(
    store: Store,
    generated: Generated,
    settings: EvalSettings,
    *,
    experiment: str,
    title: str,
    params: Mapping[str, object],
    tags: Mapping[str, str],
    images_seen: int = 0,
    say: Say,
) -> dict[str, Any]:
    """The record with every measure that applies, on validation and on test.

    ``images_seen``, what a model had been trained on, is the step of its values.
    """
    wanted = requested(listed(settings.measures))
    made = {
        **environment(generated.reference.device),
        **generated.reference.provenance_tags(),
        **declared_tag(),
        **tags,
        "command": called_as(),
    }
    run_id = store.create_run(store.experiment(experiment), name=title, params=params, tags=made)
    say(f"run {run_id}: {title}")
    logger = store.logger(run_id)
    val = measure(generated, settings, "val", "end", wanted)
    pictures = draw_pictures(view_of(generated, "val", settings), at_end=True)
    for name, picture in pictures.items():
        logger.picture(name, picture, images_seen)
    result = result_of(val | measure(generated, settings, "test", "end", wanted))
    log_result(logger, result, images_seen)
    store.end_run(run_id, ok=True)
    status, missing = f"{result.status} {result.reason}".rstrip(), result.not_applicable
    for name, value in sorted(result.metrics.items()):
        say(f"{name:<44} {value:.6g}")
    for name, why in sorted(missing.items()):
        say(f"{name:<44} n/a: {why}")
    say(status)
    return {
        "run_id": run_id,
        "status": status,
        "metrics": result.metrics,
        "not_applicable": missing,
    }
