"""Plain data that outlives a run. Standard library only, so that everything may import it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from typing import Any, Literal, TypeVar

T = TypeVar("T")

Status = Literal["ok", "collapsed", "diverged", "failed", "pruned"]
STATUSES: tuple[Status, ...] = ("ok", "collapsed", "diverged", "failed")
"""How a run ends (protocol rule 3); ``pruned`` is for trials of a search alone."""

PRUNED: Status = "pruned"

OUTSIDE = "outside"
"""Role of a record of images made elsewhere, and what stands in place of its model."""

CONFIRM = "confirm"
"""Role of a chosen cell's run on a fresh seed, which had no part in the choice."""

SUPERSEDED = "superseded"
"""Role of a run that a choice made before and that no longer counts: of a search, of a cell."""

CONTESTED = "contested"
"""Role of a run that came in a bundle and has other values than one that was there: that one counts."""

OWNER = "bench.owner"
"""Fact of a study: the folder that its runs belong to, and whose it is; nothing of it is passed on."""

LOOKS = "bench.looks"
"""Fact of a study that grows until it is decided: at how many seeds it is looked at, ``5,10,12``."""

SEEDS = "bench.seeds"
"""Fact of a study: how many seeds each cell is planned to have, and fresh ones each chosen cell, ``5,5``."""

DISTANCE_SHOWN = "distance"
"""What MLflow's page calls the test value of what selection reads; shown there, and read by nobody."""

PACKAGE_NUMBERS = "numbers of the package"
"""The part of what made a run that is raised where the code trains or measures otherwise."""

Scalar = int | float | str | bool
"""What a value of a flat configuration may be; MLflow stores it as text and it reads back."""


@dataclass(frozen=True, kw_only=True)
class DataSpec:
    """What a model may know about a data set.

    Attributes:
        name: The registered name, or ``folder:PATH`` / ``npz:PATH``.
        shape: One image, ``(C, H, W)``.
        num_classes: 0 where there are no labels.
        class_prior: Share of each class in the train split, in label order; sums to 1.
        levels: Number of gray levels per channel (256; digits 17), protocol rule 16.
        digest: First 16 hex digits of the SHA-256 over every split's images and labels.
        extent: Of points of a plane, which are images of one row, its least and largest
            coordinate; None of pictures.
    """

    name: str
    shape: tuple[int, int, int]
    num_classes: int
    class_prior: tuple[float, ...]
    levels: int
    digest: str
    extent: tuple[float, float] | None = None

    @property
    def top(self) -> int:
        """The largest value that a pixel is stored as: 255, or 65,535 where it has more levels."""
        return 255 if self.levels <= 256 else 65_535


@dataclass(frozen=True, kw_only=True)
class SplitInput:
    """A split that a run was given, as MLflow lists it.

    Attributes:
        dataset: As ``data.dataset``.
        split: ``train``, ``val`` or ``test``.
        digest: 16 hex digits, of the data set's own, the split's name and the number of images:
            these say which images it has (protocol rule 1), and none is read again for it.
        shape: ``[N, C, H, W]``.
        dtype: Of a pixel.
        has_labels: Whether its images have classes.
    """

    dataset: str
    split: str
    digest: str
    shape: tuple[int, ...]
    dtype: str
    has_labels: bool


@dataclass(frozen=True)
class StepLog:
    """Means over the training steps since the last log.

    Attributes:
        images_seen: Real images drawn so far, the x-axis of every curve.
        scalars: Name to mean value.
    """

    images_seen: int
    scalars: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class HealthWarning:
    """Something about a run that ended that a user should know.

    Attributes:
        kind: Short name, such as ``discriminator_strong``.
        sentence: What is wrong, with the value and its threshold.
        turn: The settings to turn, with their values: ``lower n_critic (20)``.
    """

    kind: str
    sentence: str
    turn: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.sentence, self.turn) if part)


@dataclass(frozen=True, kw_only=True)
class TrialResult:
    """How one run ended.

    Attributes:
        status: One of ``STATUSES``, or ``pruned``.
        reason: One sentence; empty for ``ok``.
        primary: Name of the validation measure that selection reads.
        value: Its last value; None for ``diverged`` and ``failed``, which have none.
        metrics: Every final value, ``val/...``, ``test/...``, ``test_best/...``, ``cost/...``.
        not_applicable: Metric name to the reason why this model has no such value.
        warnings: What ``health`` says, from training and validation alone; None where it was
            not asked.
        trained_by: What made the state, part by part; empty in results of older versions.
        measured_by: What made the values, likewise.
    """

    status: Status
    reason: str = ""
    primary: str = ""
    value: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    not_applicable: dict[str, str] = field(default_factory=dict)
    warnings: list[HealthWarning] | None = None
    trained_by: dict[str, str] = field(default_factory=dict)
    measured_by: dict[str, str] = field(default_factory=dict)

    @property
    def test_distance(self) -> str | None:
        """Name of the test value of what selection reads, at the largest count; None without."""
        base = self.primary.rpartition("_n")[0]
        counts = (
            (int(count), name)
            for name in self.metrics
            for start, _, count in [name.rpartition("_n")]
            if base and start == f"test/{base}" and count.isdecimal()
        )
        return max(counts, default=(0, None))[1]

    @property
    def shown(self) -> dict[str, float]:
        """What MLflow's page has beside the values: the distance under a plain name."""
        name = self.test_distance
        return {} if name is None else {DISTANCE_SHOWN: self.metrics[name]}

    def tags(self) -> dict[str, str]:
        """What tracking is told of the ending; ``health`` only where it was asked."""
        said = {"status": self.status, "reason": self.reason}
        if self.status != "failed":
            said["primary"] = f"val/{self.primary}" if self.primary else ""
        if self.not_applicable:
            said["not_applicable"] = json.dumps(dict(sorted(self.not_applicable.items())))
        if self.warnings is not None:
            stored = [asdict(one) for one in self.warnings]
            said["health"] = json.dumps(stored) if stored else "ok"
        made = {"trained_by": self.trained_by, "measured_by": self.measured_by}
        return said | {
            key: json.dumps(parts, sort_keys=True) for key, parts in made.items() if parts
        }

    def to_json(self) -> dict[str, Any]:
        """A dictionary of JSON values; ``from_json`` reads it back."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> TrialResult:
        """Reads what ``to_json`` wrote; results of older versions have no warnings."""
        stored = values.get("warnings")
        warnings = None if stored is None else [HealthWarning(**one) for one in stored]
        return cls(**{**values, "warnings": warnings})


@dataclass(frozen=True, kw_only=True)
class RunTags:
    """The tags of a run that are read or written by name; each field is the tag of its name.

    Attributes:
        study: The study's name.
        study_key: Its experiment: study, tier, data set and ``--set`` values.
        family: The arm or baseline of a study; else the model.
        model: The registered model.
        dataset: As ``data.dataset``.
        tier: Of the study.
        seed: The run's seed.
        role: ``run``, ``baseline``, ``search``, ``CONFIRM``, ``evaluation``, ``OUTSIDE``,
            ``SUPERSEDED`` or ``CONTESTED``.
        config_digest: Of the configuration, seed included.
        folder: Where its checkpoints lie, under ``--root``.
        command: What was typed.
        trial: Optuna's number of a trial of a search.
        sampler: Who chose the trial's values.
        settings: After a search, whether a run has what it ``found`` or what was ``known`` before.
        repeats: The run that ``bench train --config`` repeats.
        evaluates: The run that ``bench eval`` measures again.
        came_in: The bundle that a merged run came in, and its id there: ``3f0a12…/9be1…``.
        contests: The run, by its folder, that a contested one has other values than.
        images_digest: Of images made elsewhere.
        test_reads: How often the test split was opened.
        passport: Likelihood and form of the data; empty without a likelihood.
        status: How it ended; empty while it trains.
        reason: One sentence.
        primary: The validation measure that selection reads, ``val/fd_mnist_n2000``.
        not_applicable: JSON, metric to reason; see ``reasons``.
        health: ``ok`` or JSON; see ``warnings``.
        git_commit: Of the code.
        bench_version: Of the code.
        threads: Compute threads.
        data_digest: Of the data set.
        detector: Its name.
        detector_digest: Of its weights.
        measures: JSON, what plugins' metrics declared; see ``measures.read_measures``.
        trained_by: JSON, what made the state, part by part.
        measured_by: JSON, what made the values.
    """

    study: str = ""
    study_key: str = ""
    family: str = ""
    model: str = ""
    dataset: str = ""
    tier: str = ""
    seed: int | None = None
    role: str = ""
    config_digest: str = ""
    folder: str = ""
    command: str = ""
    trial: int | None = None
    sampler: str = ""
    settings: str = ""
    repeats: str = ""
    evaluates: str = ""
    came_in: str = ""
    contests: str = ""
    images_digest: str = ""
    test_reads: int | None = None
    passport: str = ""
    status: str = ""
    reason: str = ""
    primary: str = ""
    not_applicable: str = ""
    health: str = ""
    git_commit: str = ""
    bench_version: str = ""
    threads: int | None = None
    data_digest: str = ""
    detector: str = ""
    detector_digest: str = ""
    measures: str = ""
    trained_by: str = ""
    measured_by: str = ""

    def to_tags(self) -> dict[str, str]:
        """What is known, as text; ``from_tags`` reads it back."""
        return {key: str(value) for key, value in vars(self).items() if value not in {"", None}}

    @classmethod
    def from_tags(cls, tags: Mapping[str, str]) -> RunTags:
        """The tags known by name; others are left out, and numbers that somebody made none."""
        known: dict[str, Any] = {}
        for one in fields(cls):
            if text := tags.get(one.name):
                with contextlib.suppress(ValueError):
                    known[one.name] = text if one.type == "str" else int(text)
        return cls(**known)

    def result(self, metrics: Mapping[str, float]) -> TrialResult:
        """How a run of these tags and last values ended, as its folder said it."""
        kept = {k: v for k, v in metrics.items() if not k.startswith("train/")}
        return TrialResult(
            status=next((one for one in (*STATUSES, PRUNED) if one == self.status), "failed"),
            reason=self.reason,
            primary=self.primary.removeprefix("val/"),
            value=None if self.status in {"diverged", "failed"} else metrics.get(self.primary),
            metrics=kept,
            not_applicable=self.reasons,
            warnings=None if self.warnings is None else list(self.warnings),
            trained_by=_stored(self.trained_by, {}),
            measured_by=_stored(self.measured_by, {}),
        )

    @property
    def is_retired(self) -> bool:
        """Whether something else made it than what makes such a run now: its folder lies aside."""
        return f"/{SUPERSEDED}/" in self.folder

    @property
    def numbers(self) -> dict[str, str]:
        """What the code declared to train and to measure; without what is not recorded."""
        said: dict[str, dict[str, str]] = {
            "trained": _stored(self.trained_by, {}),
            "measured": _stored(self.measured_by, {}),
        }
        return {
            what: str(parts[PACKAGE_NUMBERS])
            for what, parts in said.items()
            if PACKAGE_NUMBERS in parts
        }

    @property
    def reasons(self) -> dict[str, str]:
        """Metric name to the reason why there is no such value."""
        known: dict[str, object] = _stored(self.not_applicable, {})
        return {name: str(why) for name, why in known.items()}

    @property
    def warnings(self) -> tuple[HealthWarning, ...] | None:
        """What was said of its health; None where nobody judged: a baseline, an older version.

        None as well where somebody has written something else into the tag.
        """
        if self.health in {"", "ok"}:
            return () if self.health else None
        stored: list[dict[str, Any]] = _stored(self.health, [])
        try:
            return tuple(HealthWarning(**one) for one in stored)
        except TypeError:
            return None


def _stored(text: str, otherwise: T) -> T:
    """The JSON value of a tag; another one where it is none of that kind: anybody may edit a tag."""
    try:
        value = json.loads(text)
    except ValueError:
        return otherwise
    return value if isinstance(value, type(otherwise)) else otherwise


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One tracked run as the report sees it, read back from MLflow.

    Attributes:
        run_id: MLflow's id.
        params: The flat configuration as text.
        tags: Every tag as text; ``about`` has those that are known by name.
        metrics: Last value by name.
        histories: Name to ``(images_seen, value)`` in order, one value per step.
        finished: Whether MLflow holds the run as ended (FINISHED or FAILED).
    """

    run_id: str
    params: dict[str, str]
    tags: dict[str, str]
    metrics: dict[str, float]
    histories: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    finished: bool = True

    @cached_property
    def about(self) -> RunTags:
        """Its tags as fields."""
        return RunTags.from_tags(self.tags)
