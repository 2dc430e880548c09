"""Bundles: the runs of a study as one file, read as a store is; neither MLflow nor pickle.

A bundle is a zip of ``bundle.json`` (version, study, plan), ``runs.jsonl`` and ``curves.jsonl`` (one
run in each line) and, on request, ``pictures/RUN/NAME.png``. Its comment is the SHA-256 of every byte
before it. The same runs give the same bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import math
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

import bench
from bench.errors import UsageError
from bench.files import written_whole
from bench.plan.study import Identity, Study
from bench.records import OWNER, RunRecord
from bench.registry import in_a_line
from bench.text import shown
from bench.tracking.experiments import Experiment
from bench.tracking.histories import Points
from bench.tracking.mlflow import Store

T = TypeVar("T")

VIEWS = "mlflow.sharedViewState."
"""How tags of an experiment begin that hold views of MLflow's page."""

BUNDLE = "bundle.zip"
"""Its name beside a report."""

_HEAD, _RUNS, _CURVES, _PICTURES = "bundle.json", "runs.jsonl", "curves.jsonl", "pictures"
_SEAL = 64
_BEGUN = (1980, 1, 1, 0, 0, 0)
"""When every file of a zip was written, as far as it says: two bundles of one thing are the same."""

MOST_BYTES = 4_000_000_000
"""Of all files of a bundle together, unpacked: what claims more is somebody's joke."""

_Curves = dict[str, Points]


class BundledStudy(BaseModel):
    """A study in a bundle.

    Attributes:
        identity: Study, tier, data set and ``--set`` values.
        plan: The study file's contents when the bundle was made.
        tags: Of the study's experiment.
        runs: How many.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    identity: Identity
    plan: Study
    tags: dict[str, str]
    runs: int


class Contents(BaseModel):
    """``bundle.json``.

    Attributes:
        form: Of bundles: raised when an older reader must not believe them.
        bench_version: Of the package that made it.
        has_pictures: Whether pictures were asked for.
        studies: The bundle's own, then those of the same data set that its report looks at: of
            their runs no curves.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    form: Literal[1]
    bench_version: str
    has_pictures: bool
    studies: tuple[BundledStudy, ...] = Field(min_length=1)


class Bundle:
    """A bundle, read as ``Store`` is.

    Args:
        path: Of the file.

    Raises:
        UsageError: It is no bundle, not as it was written, or a newer bench's.
    """

    def __init__(self, path: Path) -> None:
        self.uri = str(path)
        content = _whole(path)
        self._zip = self._understood(lambda: zipfile.ZipFile(io.BytesIO(content)))
        self._require_small()
        self.contents = self._understood(
            lambda: Contents.model_validate_json(self._read(_HEAD) or b"")
        )

    @property
    def study(self) -> BundledStudy:
        """The study whose runs with their curves it holds."""
        return self.contents.studies[0]

    def experiments(self) -> list[Experiment]:
        """The studies that it holds, its own first; their keys are their ids."""
        return [
            Experiment(id=key, name=key, given=key, identity=one.identity, tags=one.tags)
            for key, one in self._studies.items()
        ]

    def plan(self, identity: Identity) -> Study:
        """What a study's runs were planned by."""
        return self._studies[identity.key].plan

    def experiment_tags(self, experiment_id: str) -> dict[str, str]:
        """What was said of a study as a whole."""
        return dict(self._studies[experiment_id].tags)

    def records(self, experiment_id: str) -> list[RunRecord]:
        """Every run of a study, without curves."""
        return self._records[experiment_id]

    def histories(self, run_ids: Sequence[str], name: str) -> dict[str, Points]:
        """A curve of many runs, by run; those that have none are left out."""
        found = {run_id: self._curves.get(run_id, {}).get(name) for run_id in run_ids}
        return {run_id: points for run_id, points in found.items() if points}

    def curves(self, run_id: str) -> dict[str, Points]:
        """Every curve of a run of its own study, last values alone among them."""
        return self._curves.get(run_id, {})

    def pictures(self, run_id: str) -> list[str]:
        """Names of a run's pictures, ``samples.png``, sorted."""
        start = f"{_PICTURES}/{run_id}/"
        return sorted(name.removeprefix(start) for name in self._names if name.startswith(start))

    @property
    def digest(self) -> str:
        """SHA-256 of its bytes, 64 hex digits: two bundles with the same one are the same."""
        return self._zip.comment.decode("ascii")

    def artifact(self, run_id: str, path: str) -> bytes | None:
        """A picture's bytes; None where the bundle has none of that path."""
        return self._read(f"{_PICTURES}/{run_id}/{Path(path).name}")

    def image(self, run_id: str, name: str, step: int) -> bytes | None:  # noqa: ARG002
        """None: a bundle keeps the last picture of a name alone."""
        return None

    @property
    def has_pictures(self) -> bool:
        """Whether it was made with pictures."""
        return self.contents.has_pictures

    @property
    def num_points(self) -> int:
        """Of all curves of all runs."""
        return sum(len(points) for curves in self._curves.values() for points in curves.values())

    @cached_property
    def _studies(self) -> dict[str, BundledStudy]:
        return {one.identity.key: one for one in self.contents.studies}

    @cached_property
    def _records(self) -> dict[str, list[RunRecord]]:
        numbers = {key: one.runs for key, one in self._studies.items()}
        return self._understood(lambda: _records_of(self._rows(_RUNS), numbers))

    @cached_property
    def _curves(self) -> dict[str, _Curves]:
        rows = self._rows(_CURVES)
        return self._understood(lambda: {one["run_id"]: _points(one["curves"]) for one in rows})

    def _require_small(self) -> None:
        if (size := sum(entry.file_size for entry in self._zip.infolist())) > MOST_BYTES:
            raise UsageError(
                f"'{self.uri}' unpacks to {size:,} bytes, at most {MOST_BYTES:,} are read: make it "
                "without pictures"
            )

    def _understood(self, read: Callable[[], T]) -> T:
        """What is read.

        Raises:
            UsageError: It is whole, and means nothing to this version.
        """
        try:
            return read()
        except Exception as error:  # whatever somebody has sealed
            first = error.errors()[0] if isinstance(error, ValidationError) else None
            why = f"{first['msg']}, got {shown(first['input'])}" if first else in_a_line(error)
            raise UsageError(
                f"'{self.uri}' is no bundle that bench {bench.__version__} can read ({why}): take the "
                "version that made it, or make it again with `bench bundle`"
            ) from error

    def _rows(self, name: str) -> Iterator[dict[str, Any]]:
        return (json.loads(line) for line in (self._read(name) or b"").splitlines())

    def _read(self, name: str) -> bytes | None:
        return self._zip.read(name) if name in self._names else None

    @cached_property
    def _names(self) -> set[str]:
        return set(self._zip.namelist())


def write_bundle(
    path: Path, store: Store, identity: Identity, experiment_id: str, *, pictures: bool
) -> int:
    """Writes what a store holds of a study as one file; the number of runs.

    Args:
        path: Of the file, which is there whole or not at all.
        store: Where the runs are.
        identity: Of the study.
        experiment_id: Of its experiment.
        pictures: Whether the last picture of each kind goes along.

    Raises:
        UsageError: There is no run.
        OSError: It cannot be written.
    """
    records = _sorted(store.records(experiment_id))
    if not records:
        raise UsageError(
            f"study '{identity.key}' has no runs to bundle: start it with bench run {identity.flags()}"
        )
    held = {identity: records, **_beside(store, identity)}
    tags = {one.identity: _passed_on(one.tags) for one in store.experiments()}
    studies = tuple(
        BundledStudy(identity=each, plan=store.plan(each), tags=tags[each], runs=len(runs))
        for each, runs in held.items()
    )
    contents = Contents(
        form=1, bench_version=bench.__version__, has_pictures=pictures, studies=studies
    )
    files = {
        _HEAD: contents.model_dump_json(indent=1).encode(),
        _RUNS: _lines(_run(each, record) for each, runs in held.items() for record in runs),
        _CURVES: _lines(_curves_of(store, records)),
        **(dict(_pictures_of(store, records)) if pictures else {}),
    }
    with written_whole(path) as file:
        file.write(_sealed(files))
    return len(records)


def _beside(store: Store, identity: Identity) -> dict[Identity, list[RunRecord]]:
    """The ended runs of the store's other studies of the same data set."""
    found = {}
    for one in store.experiments():
        other = one.identity
        if other and other != identity and other.dataset == identity.dataset:
            with contextlib.suppress(UsageError):  # a study whose file is gone, or does not load
                store.plan(other)
                found[other] = _sorted(each for each in store.records(one.id) if each.finished)
    return {other: records for other, records in found.items() if records}


def _passed_on(tags: Mapping[str, str]) -> dict[str, str]:
    """Without whose folder it is, and on which machine, and how MLflow's page shows it."""
    return {k: text for k, text in tags.items() if k != OWNER and not k.startswith(VIEWS)}


def _sorted(records: Iterable[RunRecord]) -> list[RunRecord]:
    return sorted(records, key=lambda one: one.run_id)


def _run(identity: Identity, record: RunRecord) -> dict[str, Any]:
    """All that is known of a run but for its curves."""
    return {
        "study": identity.key,
        "run_id": record.run_id,
        "params": record.params,
        "tags": record.tags,
        "metrics": {name: _number(value) for name, value in record.metrics.items()},
        "finished": record.finished,
    }


def _curves_of(store: Store, records: Sequence[RunRecord]) -> Iterator[dict[str, Any]]:
    """Of each run name to the images seen and the values, last values alone among them."""
    found: dict[str, dict[str, Any]] = {record.run_id: {} for record in records}
    for name in sorted({name for record in records for name in record.metrics}):
        for run_id, points in store.histories(list(found), name).items():
            found[run_id][name] = [[x for x, _ in points], [_number(y) for _, y in points]]
    return ({"run_id": run_id, "curves": curves} for run_id, curves in found.items())


def _pictures_of(store: Store, records: Sequence[RunRecord]) -> Iterator[tuple[str, bytes]]:
    for record in records:
        for name in store.artifacts(record.run_id, _PICTURES):
            if content := store.artifact(record.run_id, f"{_PICTURES}/{name}"):
                yield f"{_PICTURES}/{record.run_id}/{name}", content


def _lines(rows: Iterator[dict[str, Any]]) -> bytes:
    texts = (
        json.dumps(row, sort_keys=True, separators=(",", ":"), allow_nan=False) for row in rows
    )
    return "".join(f"{text}\n" for text in texts).encode()


def _records_of(
    rows: Iterable[dict[str, Any]], numbers: Mapping[str, int]
) -> dict[str, list[RunRecord]]:
    """By study; as many runs as ``numbers`` has, each once."""
    found: dict[str, list[RunRecord]] = {key: [] for key in numbers}
    for row in rows:
        study = row.pop("study")
        found[study].append(RunRecord(**{**row, "metrics": _floats(row["metrics"])}))
    there = {key: len({one.run_id for one in records}) for key, records in found.items()}
    if there != numbers:
        raise ValueError(f"runs expected {dict(numbers)}, got {there}")
    return found


def _number(value: float) -> float | str:
    """JSON has no numbers that are not finite: ``nan``, ``inf`` as text, which ``float`` reads."""
    return value if math.isfinite(value) else str(value)


def _floats(values: Mapping[str, float | str]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items()}


def _points(curves: Mapping[str, tuple[list[int], list[float | str]]]) -> _Curves:
    return {
        name: [(x, float(y)) for x, y in zip(steps, values, strict=True)]
        for name, (steps, values) in curves.items()
    }


def _sealed(files: Mapping[str, bytes]) -> bytes:
    """The files as a zip, whose comment is the digest of what stands before it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _BEGUN)
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED, compresslevel=9)
        archive.comment = b"0" * _SEAL
    body = buffer.getvalue()[:-_SEAL]
    return body + _digest(body)


def _whole(path: Path) -> bytes:
    """The bytes of a file that are as they were written."""
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise OSError("no file")
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"'{path}' cannot be read ({error.strerror or error}): give a file of `bench bundle`"
        ) from error
    if not content.startswith(b"PK"):
        raise UsageError(f"'{path}' is no bundle: give a file of `bench bundle`")
    if _digest(content[:-_SEAL]) != content[-_SEAL:]:
        raise UsageError(
            f"'{path}' is not as it was written, since its digest is not that of its bytes: get it "
            "once more, or make it with `bench bundle`"
        )
    return content


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()
