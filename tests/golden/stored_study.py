"""The records kept here, in a tracking store of the test's own."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from golden.golden import IDENTITY, STUDY, STUDY_FILE
from mlflow.entities import Metric, Param, RunTag

from bench.records import RunRecord
from bench.tracking.mlflow import Store


def study_file(folder: Path) -> None:
    """The study in ``studies/`` of a folder, where ``bench`` finds a user's own."""
    (folder / "studies").mkdir(exist_ok=True)
    shutil.copy(STUDY_FILE, folder / "studies")


def stored(store: Store, records: Iterable[RunRecord]) -> dict[str, str]:
    """The records as an experiment of the store; their ids to those that it gave them."""
    experiment = store.experiment(IDENTITY.key)
    store.describe_experiment(
        experiment,
        {"bench.identity": IDENTITY.model_dump_json(), "bench.study": STUDY.name},
    )
    return {record.run_id: _stored(store, experiment, record) for record in records}


def _stored(store: Store, experiment: str, record: RunRecord) -> str:
    run_id = str(store._client.create_run(experiment).info.run_id)
    store._client.log_batch(
        run_id,
        metrics=_points(record),
        params=[Param(key, value) for key, value in record.params.items()],
        tags=[RunTag(key, value) for key, value in record.tags.items()],
    )
    if record.finished:
        store.end_run(run_id, ok=record.tags.get("status") != "failed")
    return run_id


def _points(record: RunRecord) -> list[Metric]:
    """Curves, and last values where there is no curve."""
    curves: Mapping[str, list[tuple[int, float]]] = record.histories
    single = {name: value for name, value in record.metrics.items() if name not in curves}
    return [
        *(Metric(name, value, 0, 0) for name, value in single.items()),
        *(Metric(name, y, 0, x) for name, points in curves.items() for x, y in points),
    ]
