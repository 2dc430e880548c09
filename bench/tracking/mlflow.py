"""A store of MLflow: explicit run ids through the client, never the global run."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mlflow.entities import Param, Run
from mlflow.exceptions import MlflowException

from bench.errors import UsageError
from bench.records import RunRecord
from bench.text import masked
from bench.tracking.address import database_path, store_uri
from bench.tracking.claim import Claim, Holder
from bench.tracking.experiments import Experiment, active, find, find_or_make
from bench.tracking.histories import Points, read_histories, without_collector
from bench.tracking.moving import ARTIFACTS
from bench.tracking.opening import open_client
from bench.tracking.run_logger import LONGEST_TAG, RunLogger

PAGE = 1_000


class Store:
    """One MLflow store.

    Args:
        uri: ``sqlite:///...``, ``postgresql+psycopg://...`` or ``http://...``; None takes
            ``MLFLOW_TRACKING_URI``, else MLflow's own default in the current folder.

    Raises:
        UsageError: The store cannot be opened.
    """

    def __init__(self, uri: str | None = None) -> None:
        self.uri = store_uri(uri)
        self._client = open_client(self.uri)

    def experiment(self, name: str) -> str:
        """Id of the experiment of that name, made where it is missing; one renamed is found."""
        path = database_path(self.uri)
        return find_or_make(self._client, name, path and path.parent / ARTIFACTS)

    def experiments(self) -> list[Experiment]:
        """Every active experiment, the oldest first."""
        return active(self._client)

    def claim(
        self, name: str, holder: Holder, *, what: str, when_lost: Callable[[], object]
    ) -> Claim:
        """A context in which no other process holds that name on this store."""
        return Claim(self._client, name, holder, what=what, when_lost=when_lost)

    def describe_experiment(self, experiment_id: str, tags: Mapping[str, str]) -> None:
        """Sets tags of an experiment; ``mlflow.note.content`` is what the UI shows."""
        for key, value in tags.items():
            self._client.set_experiment_tag(experiment_id, key, masked(value)[:LONGEST_TAG])

    def create_run(
        self,
        experiment_id: str,
        *,
        name: str,
        params: Mapping[str, object],
        tags: Mapping[str, str],
    ) -> str:
        """Id of a new run with its configuration as params."""
        told = {key: masked(value) for key, value in tags.items()}
        run = self._client.create_run(experiment_id, run_name=name, tags=told)
        self.log_params(str(run.info.run_id), params)
        return str(run.info.run_id)

    def logger(self, run_id: str) -> RunLogger:
        """Writes to a run."""
        return RunLogger(self._client, run_id)

    def log_params(self, run_id: str, params: Mapping[str, object]) -> None:
        """Sets params; what is there already must be the same."""
        pairs = [Param(key, str(value)) for key, value in params.items()]
        self._client.log_batch(run_id, params=pairs)

    def has_run(self, run_id: str) -> bool:
        """Whether the store holds that run and it is not deleted."""
        try:
            stage = self._client.get_run(run_id).info.lifecycle_stage
        except MlflowException:
            return False
        return bool(stage == "active")

    def resume_run(self, run_id: str) -> None:
        """Marks a run RUNNING, whatever it was before."""
        self._client.update_run(run_id, status="RUNNING")

    def run_of(
        self, experiment_id: str, config_digest: str, folder: str | None = None
    ) -> str | None:
        """Id of the run with that configuration (and folder), the oldest where there are several."""
        quote = '"' if "'" in (folder or "") else "'"
        in_folder = "" if folder is None else f" and tags.folder = {quote}{folder}{quote}"
        found = self._client.search_runs(
            [experiment_id],
            filter_string=f"tags.config_digest = '{config_digest}'{in_folder}",
            order_by=["attributes.start_time ASC"],
            max_results=1,
        )
        return str(found[0].info.run_id) if found else None

    def end_run(self, run_id: str, *, ok: bool) -> None:
        """Marks a run FINISHED or FAILED."""
        self._client.set_terminated(run_id, status="FINISHED" if ok else "FAILED")

    def fail_run(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Marks a run FAILED whose process could not do it itself, and says why."""
        self.logger(run_id).tags(tags)
        self.end_run(run_id, ok=False)

    def discard_runs(self, experiment_id: str) -> int:
        """Deletes the runs of an experiment as the UI does (they can be restored); their number."""
        runs = self.records(experiment_id)
        for run in runs:
            self._client.delete_run(run.run_id)
        return len(runs)

    def stop_run(self, run_id: str) -> None:
        """Marks a run KILLED: it was interrupted and continues with the same command."""
        self._client.set_terminated(run_id, status="KILLED")

    def records(self, experiment_id: str) -> list[RunRecord]:
        """Every run of an experiment, without histories."""
        found: list[RunRecord] = []
        token = None
        while True:
            with without_collector():
                page = self._client.search_runs([experiment_id], max_results=PAGE, page_token=token)
                found += [_record(run) for run in page]
            token = page.token
            if not token:
                return found

    def histories(self, run_ids: Sequence[str], name: str) -> dict[str, Points]:
        """A curve of many runs, by run; those that have none are left out."""
        return read_histories(self._client, run_ids, name)

    def experiment_tags(self, experiment_id: str) -> dict[str, str]:
        """What ``describe_experiment`` and others said of an experiment as a whole."""
        return dict(self._client.get_experiment(experiment_id).tags)

    def record(self, prefix: str) -> RunRecord:
        """The run whose id starts with ``prefix``, of any experiment, without histories.

        Raises:
            UsageError: No such run, or several.
        """
        found: list[Run] = []
        if prefix.isalnum():
            found = self._client.search_runs(
                [experiment.id for experiment in self.experiments()],
                filter_string=f"attributes.run_id LIKE '{prefix}%'",
                max_results=5,
            )
        if not found:
            raise UsageError(
                f"no run '{prefix}' in '{self.uri}': take an id from `bench ui` or runs.csv"
            )
        if len(found) > 1:
            known = ", ".join(str(run.info.run_id) for run in found)
            raise UsageError(
                f"'{prefix}' begins the ids of several runs ({known}): give more of it"
            )
        return _record(found[0])

    def records_of(self, experiment: str) -> list[RunRecord]:
        """Every run of the experiment of that name; none where there is no such experiment."""
        found = find(self._client, experiment)
        return [] if found is None else self.records(found)

    def artifact(self, run_id: str, path: str) -> bytes | None:
        """Content of an artifact, or None where the run has none of that path."""
        with tempfile.TemporaryDirectory() as folder:
            try:
                local = self._client.download_artifacts(run_id, path, folder)
            except Exception:  # noqa: BLE001 - each kind of artifact store has its own "not there"
                return None
            return Path(local).read_bytes()


def _record(run: Run) -> RunRecord:
    return RunRecord(
        run_id=run.info.run_id,
        params=_shared(run.data.params),
        tags=_shared({k: v for k, v in run.data.tags.items() if not k.startswith("mlflow.")}),
        metrics={sys.intern(key): value for key, value in run.data.metrics.items()},
        finished=run.info.status in {"FINISHED", "FAILED"},
    )


def _shared(texts: Mapping[str, str]) -> dict[str, str]:
    """The same texts; those of many runs, mostly alike, are kept once."""
    return {sys.intern(key): sys.intern(value) for key, value in texts.items()}
