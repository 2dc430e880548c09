"""``bench log-model``: the best of some runs as a model that MLflow lists, loads and registers."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.cli.options import Plugins, Root, Say, StudyOption, Uri, command, quiet
from bench.errors import UsageError
from bench.records import CONFIRM, RunRecord
from bench.tracking.mlflow import Store
from bench.tracking.recorded import find_recorded, open_recorded


@command("log-model")
def log_best_model(
    runs: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN...]", help="ids of runs, or beginnings")
    ] = None,
    *,
    study: StudyOption = None,
    register_as: Annotated[
        str | None, typer.Option("--register", help="name in MLflow's registry of models")
    ] = None,
    alias: Annotated[str, typer.Option("--alias", help="of the version, with --register")] = "best",
    tracking_uri: Uri = None,
    root: Root = Path("runs"),
    plugins: Plugins = None,
    say: Say = quiet,
) -> dict[str, Any]:
    """Logs the model of the run that is the best by validation, of those given or of a study's.

    Raises:
        UsageError: No such run, none of them ended well, or its checkpoint is not under ``root``.
    """
    if bool(runs) == bool(study):
        raise UsageError("bench log-model takes ids of runs, or --study: give one of them")
    store = open_recorded(tracking_uri)
    record = _best(_chosen(store, runs or [], study))
    from bench.cli.sample import load_run
    from bench.tracking.logged_model import log_model, register
    from bench.training.exported import LOADER, requirements, write_exported

    loaded = load_run(record.run_id, device="cpu", tracking_uri=tracking_uri, root=root, say=say)
    spec = loaded.reference.spec
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "generator"
        write_exported(data, loaded.config, spec, loaded.trainable)
        model_id = log_model(
            store,
            record,
            data,
            loader=LOADER,
            requirements=requirements(data),
            shape=spec.shape,
            dtype="uint8" if spec.top == 255 else "uint16",
        )
    address = f"models:/{model_id}"
    if register_as is not None:
        register(store, model_id, record, name=register_as, alias=alias)
        address = f"models:/{register_as}@{alias}"
    say(f"model of run {record.run_id}: mlflow.pyfunc.load_model('{address}')")
    return {"run_id": record.run_id, "model_id": model_id, "address": address}


def _chosen(store: Store, runs: list[str], study: str | None) -> list[RunRecord]:
    if study is None:
        return [store.record(one) for one in runs]
    _, experiment = find_recorded(store, study, tier=None, dataset=None, sets=[])
    return [one for one in store.records(experiment) if one.about.role in {"run", CONFIRM}]


def _best(records: list[RunRecord]) -> RunRecord:
    """That of the lowest distance on validation (protocol rule 2), of the collapsed where no other is.

    Raises:
        UsageError: None ended with a value, or their distances are of several kinds.
    """
    ended = [one for one in records if one.about.status in {"ok", "collapsed"}]
    if len(ended) == len(records) == 1:
        return ended[0]
    valued = [one for one in ended if one.about.primary in one.metrics]
    kinds = sorted({one.about.primary for one in valued})
    if not valued:
        raise UsageError(
            f"none of {len(records)} runs ended with a distance: give one that `bench ui` lists as ok"
        )
    if len(kinds) > 1:
        raise UsageError(
            f"the runs are measured by {' and '.join(kinds)}, expected one measure: give runs of one"
        )
    return min(
        valued, key=lambda one: (one.about.status != "ok", one.metrics[kinds[0]], one.run_id)
    )
