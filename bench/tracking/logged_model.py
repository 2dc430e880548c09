"""A run's model in MLflow: a LoggedModel with signature and requirements, registered on request."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import bench
from bench.errors import UsageError
from bench.records import DISTANCE_SHOWN, RunRecord
from bench.tracking.mlflow import Store

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

NAME = "generator"


def log_model(
    store: Store,
    record: RunRecord,
    folder: Path,
    *,
    loader: str,
    requirements: Sequence[str],
    shape: tuple[int, ...],
    dtype: str,
) -> str:
    """Id of a new LoggedModel of a run, which MLflow loads as ``models:/ID``.

    Args:
        store: Where the run is.
        record: The run.
        folder: What the loader reads, without pickle.
        loader: Module of this package with ``_load_pyfunc``; the package goes along.
        requirements: Names of the packages that it imports; their versions here are written down.
        shape: Of one image.
        dtype: Of its pixels.
    """
    from mlflow import pyfunc
    from mlflow.entities import LoggedModelOutput, Metric
    from mlflow.models import Model

    client = store.client
    experiment = client.get_run(record.run_id).info.experiment_id
    said = {k: v for k in ("family", "model", "dataset", "status") if (v := record.tags.get(k))}
    made = client.create_logged_model(
        experiment, NAME, record.run_id, tags=said, params=record.params, model_type=NAME
    )
    try:
        with tempfile.TemporaryDirectory() as folders:
            whole = Path(folders) / "model"
            pyfunc.save_model(
                str(whole),
                loader_module=loader,
                data_path=str(folder),
                code_paths=[str(_package(Path(folders)))],
                signature=_signature(shape, dtype),
                pip_requirements=[f"{one}=={version(one)}" for one in requirements],
                mlflow_model=Model(run_id=record.run_id, model_id=made.model_id),
            )
            client.log_model_artifacts(made.model_id, str(whole))
    except Exception:
        client.finalize_logged_model(made.model_id, "FAILED")
        raise
    client.finalize_logged_model(made.model_id, "READY")
    seen = int(record.metrics.get("cost/images_seen", 0))
    client.log_outputs(record.run_id, [LoggedModelOutput(made.model_id, seen)])
    result = record.about.result(record.metrics)
    at = int(time.time() * 1000)
    values = [
        Metric(DISTANCE_SHOWN, value, at, seen, model_id=made.model_id)
        for value in result.shown.values()
    ]
    if values:
        client.log_batch(record.run_id, metrics=values)
    return str(made.model_id)


def register(store: Store, model_id: str, record: RunRecord, *, name: str, alias: str) -> str:
    """The new version of a registered model, made where there is none, that bears the alias then.

    Raises:
        UsageError: MLflow does not take the name or the alias.
    """
    from mlflow.exceptions import MlflowException

    client = store.client
    try:
        try:
            client.create_registered_model(name)
        except MlflowException as error:
            if str(error.error_code) != "RESOURCE_ALREADY_EXISTS":
                raise
        source = client.get_logged_model(model_id).artifact_location
        made = client.create_model_version(name, source, record.run_id, model_id=model_id)
        client.set_registered_model_alias(name, alias, made.version)
    except MlflowException as error:
        if str(error.error_code) != "INVALID_PARAMETER_VALUE":
            raise
        raise UsageError(
            f"MLflow does not take --register '{name}' with --alias '{alias}' ({error.message}): "
            "give names of letters, numbers and dashes"
        ) from error
    return str(made.version)


def _package(beside: Path) -> Path:
    """A copy of the package as it runs here, which no registry has; without what it compiled."""
    return Path(
        shutil.copytree(
            Path(bench.__file__).parent,
            beside / "code" / "bench",
            ignore=shutil.ignore_patterns("__pycache__", "studies"),
        )
    )


def _signature(shape: tuple[int, ...], dtype: str) -> ModelSignature:
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema, TensorSpec

    asked = Schema([ColSpec("long", "n"), ColSpec("long", "seed")])
    return ModelSignature(asked, Schema([TensorSpec(np.dtype(dtype), (-1, *shape))]))
