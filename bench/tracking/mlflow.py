"""A store of MLflow: explicit run ids through the client, never the global run."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import UsageError
from bench.plan.files import load_study
from bench.plan.study import Identity, Study
from bench.records import DISTANCE_SHOWN, RunRecord
from bench.tracking.address import database_path, store_uri
from bench.tracking.claim import Claim
from bench.tracking.claim_experiment import ExperimentPlace
from bench.tracking.experiments import Experiment, active, find_or_make, named, stored
from bench.tracking.histories import Points, by_run, read_histories, without_collector
from bench.tracking.holder import Holder
from bench.tracking.long_tags import LONGEST_FACT, LONGEST_TAG, joined, parted
from bench.tracking.opening import artifacts_folder, open_client
from bench.tracking.postgres import is_postgres
from bench.tracking.run_logger import IMAGES, RunLogger, image_start
from bench.tracking.tables import StoredRun, Tables

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

PAGE = 1_000
REPORT = "bench.report"
"""Tag of what is no run: it holds the report of an experiment, which MLflow gives no place of its own."""
_UNKNOWN = "RESOURCE_DOES_NOT_EXIST"


class Store:
    """One MLflow store.

    Args:
        uri: ``sqlite:///...``, ``postgresql+psycopg://...`` or ``http://...``; None takes
            ``MLFLOW_TRACKING_URI``, else MLflow's own default in the current folder.

    Raises:
        UsageError: The store cannot be opened.
    """

    has_pictures = True

    def __init__(self, uri: str | None = None) -> None:
        self.uri = store_uri(uri)
        self._tables = Tables.of(database_path(self.uri))
        if self._tables is None:
            _ = self._client

    @cached_property
    def _client(self) -> MlflowClient:
        """Opened where it is needed: what a database of this machine holds is read without it."""
        return open_client(self.uri)

    @property
    def client(self) -> MlflowClient:
        """MLflow's own, for what is asked of it once."""
        return self._client

    def experiment(self, name: str) -> str:
        """Id of the experiment of that name, made where it is missing; one renamed is found.

        Raises:
            UsageError: Its pictures are kept by a server, and this is the database behind it.
        """
        found = named(self.experiments(), name)
        if found is None:
            found = find_or_make(self._client, name, artifacts_folder(self.uri))
        if is_postgres(self.uri) and self._is_served(found):
            raise UsageError(
                f"experiment '{name}' was made through an MLflow server, which keeps its pictures: "
                f"give that server's address with --tracking-uri, not '{self.uri}'"
            )
        return found

    def _is_served(self, experiment_id: str) -> bool:
        place = str(self._client.get_experiment(experiment_id).artifact_location)
        return place.startswith("mlflow-artifacts:")

    def experiments(self) -> list[Experiment]:
        """Every active experiment, the oldest first."""
        return active(self._tables.experiments() if self._tables else stored(self._client))

    def plan(self, identity: Identity) -> Study:
        """What a study's runs are planned by: its file as it is now.

        Raises:
            UsageError: There is none.
        """
        return load_study(identity.study)

    def claim(
        self, name: str, holder: Holder, *, what: str, when_lost: Callable[[], object]
    ) -> Claim:
        """A context in which no other process holds that name on this store."""
        place = ExperimentPlace(self._client, name)
        return Claim(place, holder, what=what, when_lost=when_lost)

    def describe_experiment(self, experiment_id: str, tags: Mapping[str, str]) -> None:
        """Sets tags of an experiment that say something new; the UI shows ``mlflow.note.content``."""
        known = self.experiment_tags(experiment_id)
        new = {key: text for key, text in tags.items() if known.get(key) != text}
        for key, value in parted(new, LONGEST_FACT).items():
            self._client.set_experiment_tag(experiment_id, key, value)

    def create_run(
        self,
        experiment_id: str,
        *,
        name: str,
        params: Mapping[str, object],
        tags: Mapping[str, str],
        at: int | None = None,
    ) -> str:
        """Id of a new run with its configuration as params, begun now or at ``at`` milliseconds."""
        said = parted(tags, LONGEST_TAG)
        run = self._client.create_run(experiment_id, at, said, run_name=name)
        made = self.logger(str(run.info.run_id))
        made.send((), {}, params={key: str(value) for key, value in params.items()})
        return made.run_id

    def logger(self, run_id: str) -> RunLogger:
        """Writes to a run."""
        return RunLogger(self._client, run_id)

    def is_active(self, run_id: str) -> bool | None:
        """Whether a run is not deleted; None where the store does not know it."""
        from mlflow.exceptions import MlflowException

        try:
            return bool(self._client.get_run(run_id).info.lifecycle_stage == "active")
        except MlflowException as error:
            if error.error_code == _UNKNOWN:
                return None
            raise

    def runs_with(self, experiment_id: str, tag: str, text: str) -> list[RunRecord]:
        """The runs of an experiment with that tag, the oldest first."""
        found = self._client.search_runs(
            [experiment_id],
            filter_string=f"tags.`{tag}` = '{text}'",
            order_by=["attributes.start_time ASC"],
        )
        return [record_of(_stored(run)) for run in found]

    def end_run(self, run_id: str, *, ok: bool) -> None:
        """Marks a run FINISHED or FAILED."""
        self._client.set_terminated(run_id, status="FINISHED" if ok else "FAILED")

    def delete_run(self, run_id: str) -> None:
        """Deletes a run as the UI does; it can be restored."""
        self._client.delete_run(run_id)

    def discard_runs(self, experiment_id: str) -> int:
        """Deletes the runs of an experiment as the UI does (they can be restored); their number."""
        runs = self.records(experiment_id)
        for run in runs:
            self._client.delete_run(run.run_id)
        return len(runs)

    def records(self, experiment_id: str) -> list[RunRecord]:
        """Every run of an experiment, without histories."""
        with without_collector():
            stored = self.stored_runs(experiment_id)
            return [record_of(run) for run in stored if REPORT not in run.tags]

    def stored_runs(self, experiment_id: str) -> list[StoredRun]:
        """Every run of an experiment as MLflow holds it, with what only its page shows."""
        if self._tables:
            return self._tables.runs(experiment_id)
        found: list[StoredRun] = []
        token = None
        while True:
            page = self._client.search_runs([experiment_id], max_results=PAGE, page_token=token)
            found += [_stored(run) for run in page]
            token = page.token
            if not token:
                return found

    def histories(self, run_ids: Sequence[str], name: str) -> dict[str, Points]:
        """A curve of many runs, by run; those that have none are left out."""
        if self._tables:
            return by_run(self._tables.values(run_ids, name))
        return read_histories(self._client, run_ids, name)

    def experiment_tags(self, experiment_id: str) -> dict[str, str]:
        """What ``describe_experiment`` and others said of an experiment as a whole."""
        if self._tables:
            return next((dict(e.tags) for e in self.experiments() if e.id == experiment_id), {})
        return joined(self._client.get_experiment(experiment_id).tags, LONGEST_FACT)

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
                f"no run '{prefix}' in '{self.uri}': take an id from `bench list runs`"
            )
        if len(found) > 1:
            known = ", ".join(str(run.info.run_id) for run in found)
            raise UsageError(
                f"'{prefix}' begins the ids of several runs ({known}): give more of it"
            )
        return record_of(_stored(found[0]))

    def records_of(self, experiment: str) -> list[RunRecord]:
        """Every run of the experiment of that name; none where there is no such experiment."""
        found = named(self.experiments(), experiment)
        return [] if found is None else self.records(found)

    def artifacts(self, run_id: str, folder: str) -> list[str]:
        """Names of a run's artifacts in a folder, sorted."""
        if self._tables and (place := self._tables.folder(run_id)):
            return sorted(path.name for path in (place / folder).glob("*") if path.is_file())
        found = self._client.list_artifacts(run_id, folder)
        return sorted(Path(each.path).name for each in found if not each.is_dir)

    def image(self, run_id: str, name: str, step: int) -> bytes | None:
        """The picture that was logged at a step, or None where the run has none of that name then."""
        start = image_start(name, step)
        for file in self.artifacts(run_id, IMAGES):
            if file.startswith(start) and file.endswith(".png"):
                return self.artifact(run_id, f"{IMAGES}/{file}")
        return None

    def artifact(self, run_id: str, path: str) -> bytes | None:
        """Content of an artifact, or None where the run has none of that path."""
        if self._tables and (place := self._tables.folder(run_id)):
            with contextlib.suppress(OSError):
                return (place / path).read_bytes()
            return None
        with tempfile.TemporaryDirectory() as folder:
            try:
                local = self._client.download_artifacts(run_id, path, folder)
            except Exception:  # noqa: BLE001 - each kind of artifact store has its own "not there"
                return None
            return Path(local).read_bytes()


def _stored(run: Run) -> StoredRun:
    said, data = run.info, run.data
    return StoredRun(
        *(said.run_id, said.status, said.start_time),
        *(dict(data.params), dict(data.tags), dict(data.metrics)),
    )


def record_of(run: StoredRun) -> RunRecord:
    """A run as it is read: without what only MLflow's page shows."""
    return RunRecord(
        run_id=run.run_id,
        params=_shared(run.params),
        tags=_shared(joined(_own(run.tags), LONGEST_TAG)),
        metrics={sys.intern(k): v for k, v in run.metrics.items() if not is_for_show(k)},
        finished=run.status in {"FINISHED", "FAILED"},
    )


def is_for_show(metric: str) -> bool:
    """Whether a value is none of the run's: a copy for MLflow's page, or what its machine did."""
    return metric == DISTANCE_SHOWN or metric.startswith("system/")


def _own(tags: Mapping[str, str]) -> dict[str, str]:
    """Without those that MLflow sets itself."""
    return {key: text for key, text in tags.items() if not key.startswith("mlflow.")}


def _shared(texts: Mapping[str, str]) -> dict[str, str]:
    """The same texts; those of many runs, mostly alike, are kept once."""
    return {sys.intern(key): sys.intern(value) for key, value in texts.items()}
