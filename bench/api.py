"""The commands as Python functions: typed, silent unless they are given ``say=print``.

Each calls what the command line calls, with the same defaults: tracking in ``MLFLOW_TRACKING_URI``,
else ``mlflow.db`` of the current folder; checkpoints under ``runs/``. A mistake raises ``UsageError``,
a ``ValueError`` that says in one sentence what was wrong and what to do.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import UsageError
from bench.plan.files import load_study
from bench.plan.study import Study
from bench.plan.written import write_plan
from bench.records import Scalar
from bench.text import quiet

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from bench.cli.export import Found
    from bench.cli.sample import LoadedRun

Say = Callable[[str], object]
Settings = Mapping[str, Scalar]
"""``{"depth": 3, "train.num_images": 12_000}``: keys as ``--set`` takes them."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run or a measurement ended.

    Attributes:
        run_id: MLflow's id, for ``load``, ``sample`` and ``evaluate``.
        status: ``ok``, ``collapsed``, ``diverged`` or ``failed`` (protocol rule 3).
        reason: Why it is not ``ok``, in one sentence.
        metrics: Every final value: ``val/...``, ``test/...``, ``cost/...``.
        not_applicable: Metric to the reason why there is no such value.
        warnings: What looks wrong in the curves, each with the setting to turn.
    """

    run_id: str
    status: str
    reason: str = ""
    metrics: dict[str, float]
    not_applicable: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StudyOutcome:
    """What a study came to.

    Attributes:
        study: Its name, for ``write_report`` and ``load_runs``.
        experiment: Name of its experiment in MLflow.
        runs: Status to the number of runs.
        best: The best cell of each family by mean validation distance, as it is printed.
    """

    study: str
    experiment: str
    runs: dict[str, int]
    best: list[dict[str, str]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """Images that a model made.

    Attributes:
        images: uint8 ``[N, C, H, W]``; of points of a plane uint16 ``[N, 1, 1, 2]``.
        labels: The classes that they were made for, int64 ``[N]``; None where the model knows none.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64] | None = None


@dataclass(frozen=True, eq=False)
class Runs:
    """Tracked runs as pandas frames, each read when it is asked for first."""

    _found: Found

    @cached_property
    def results(self) -> pd.DataFrame:
        """A row for each run: what it is, whether it counts, its settings, its last values."""
        from bench.results.frames import results_frame

        return results_frame(self._found.records)

    @cached_property
    def curves(self) -> pd.DataFrame:
        """Long form: ``run_id family seed name images_seen value``, of training and validation."""
        from bench.results.frames import curves_frame

        return curves_frame(self._found.records, self._found.histories)

    def __len__(self) -> int:
        return len(self._found.records)


def run(
    study: str | Study,
    *,
    tier: str = "classroom",
    dataset: str | None = None,
    settings: Settings | None = None,
    seeds: int | None = None,
    trials: int | None = None,
    jobs: int | str = "auto",
    engine: str | None = None,
    device: str = "auto",
    tracking_uri: str | None = None,
    root: str | Path = "runs",
    plugins: Sequence[str | Path] = (),
    fresh: bool = False,
    say: Say = quiet,
) -> StudyOutcome:
    """Runs what is left of a study; the same call continues where it stopped.

    Args:
        study: The name of a file in ``studies/``, or a ``Study``, which is written there.
        tier: Its size: ``classroom``, ``lab`` or ``paper``.
        dataset: In place of the tier's.
        settings: For every run.
        seeds: Of each cell; None takes the tier's.
        trials: Of a search, for each family.
        jobs: Runs at a time, or ``auto``.
        engine: Where runs run; models that were registered in this process alone need ``inprocess``.
        device: ``auto``, ``cpu`` or ``cuda``.
        tracking_uri: MLflow's store.
        root: Folder of checkpoints and results.
        plugins: Files that register things.
        fresh: Discards what was done before.
        say: Told what the command line prints, such as ``print``.

    Raises:
        UsageError: Anything that cannot work, before anything starts.
    """
    if isinstance(study, Study):
        write_plan(study)
        study = study.name
    load_study(study)  # a wrong name is told before anything heavy is imported
    from bench.cli.run import run_study

    found = run_study(
        study=study,
        tier=tier,
        dataset=dataset,
        overrides=_assigned(settings),
        seeds=seeds,
        trials=trials,
        jobs=str(jobs),
        engine=engine,
        device=device,
        tracking_uri=tracking_uri,
        root=Path(root),
        plugins=[Path(each) for each in plugins],
        fresh=fresh,
        say=say,
    )
    return StudyOutcome(
        study=found["study"],
        experiment=found["experiment"],
        runs=found["runs"],
        best=found["best"],
    )


def train(
    model: str,
    *,
    dataset: str | None = None,
    settings: Settings | None = None,
    device: str = "auto",
    threads: int | None = None,
    tracking_uri: str | None = None,
    root: str | Path = "runs",
    plugins: Sequence[str | Path] = (),
    fresh: bool = False,
    say: Say = quiet,
) -> Outcome:
    """Trains and measures one model; what is finished already is not trained once more.

    Args:
        model: ``MODEL`` or ``MODEL:PRESET``, as ``bench list models`` names them.
        dataset: A name, ``folder:PATH`` or ``npz:PATH``; None takes ``digits``.
        settings: Such as ``{"depth": 4, "lr": 3e-4, "num_images": 100_000, "seed": 1}``.
        device: ``auto``, ``cpu`` or ``cuda``.
        threads: Compute threads; None takes one, at which the same call gives the same bits.
        tracking_uri: MLflow's store.
        root: Folder of checkpoints and results.
        plugins: Files that register things.
        fresh: Trains it once more.
        say: Told what the command line prints, such as ``print``.

    Raises:
        UsageError: Anything that cannot work.
    """
    from bench.cli.train import train_one

    found = train_one(
        model,
        dataset=dataset,
        overrides=_assigned(settings),
        device=device,
        threads=threads,
        tracking_uri=tracking_uri,
        root=Path(root),
        plugins=[Path(each) for each in plugins],
        fresh=fresh,
        say=say,
    )
    return _outcome(found)


def load(
    run_id: str,
    *,
    device: str = "auto",
    tracking_uri: str | None = None,
    root: str | Path = "runs",
    plugins: Sequence[str | Path] = (),
    say: Say = quiet,
) -> LoadedRun:
    """A finished run's model: ``.trainable.modules`` are torch modules, ``.config`` its settings.

    Args:
        run_id: MLflow's id, or its beginning.
        device: ``auto``, ``cpu`` or ``cuda``.
        tracking_uri: MLflow's store.
        root: Folder of checkpoints and results.
        plugins: Files that register things.
        say: Told what the command line prints, such as ``print``.

    Raises:
        UsageError: No such run, or its checkpoint is not under ``root``.
    """
    from bench.cli.sample import load_run
    from bench.registry import load_plugins

    load_plugins([Path(each) for each in plugins])
    return load_run(run_id, device=device, tracking_uri=tracking_uri, root=Path(root), say=say)


def sample(
    of: str | LoadedRun,
    n: int = 64,
    *,
    seed: int = 0,
    label: int | None = None,
    device: str = "auto",
    tracking_uri: str | None = None,
    root: str | Path = "runs",
    plugins: Sequence[str | Path] = (),
) -> Samples:
    """Samples of a run: those that ``bench sample`` writes.

    Args:
        of: What ``load`` gave, or a run's id.
        n: How many.
        seed: Of the noise.
        label: The class to make, of a conditional model; None draws classes as they are in training.
        device: As of ``load``, like all that follow.
        tracking_uri: MLflow's store.
        root: Folder of checkpoints and results.
        plugins: Files that register things.

    Raises:
        UsageError: As ``load``; or no number of images, no class of the model.
    """
    if n < 1:
        raise UsageError(f"n must be at least 1, got {n}")
    loaded = (
        load(of, device=device, tracking_uri=tracking_uri, root=root, plugins=plugins)
        if isinstance(of, str)
        else of
    )
    from bench.cli.sample import draw_samples

    images, labels = draw_samples(loaded, n, seed=seed, label=label)
    return Samples(
        images=images.cpu().numpy(), labels=None if labels is None else labels.cpu().numpy()
    )


def evaluate(
    run_id: str | None = None,
    *,
    images: str | Path | Samples | NDArray[np.uint8] | None = None,
    dataset: str | None = None,
    name: str | None = None,
    seed: int = 0,
    study: str | None = None,
    tier: str | None = None,
    settings: Settings | None = None,
    device: str = "auto",
    tracking_uri: str | None = None,
    root: str | Path = "runs",
    plugins: Sequence[str | Path] = (),
    say: Say = quiet,
) -> Outcome:
    """Measures a finished run again, or images that were made elsewhere.

    Args:
        run_id: MLflow's id of a run, or its beginning; or else ``images``.
        images: A folder, an ``.npz`` file, ``Samples``, or uint8 ``[N, C, H, W]`` (``[N, H, W]``).
        dataset: Whose images they stand for.
        name: Of the model that made them; that of the file or folder where None, else ``images``.
        seed: That they came from.
        study: Puts them into this study's tables.
        tier: Of the study.
        settings: Of the evaluation: ``{"measures": "ais", "max_samples": 1_000}``.
        device: ``auto``, ``cpu`` or ``cuda``.
        tracking_uri: MLflow's store.
        root: Folder of checkpoints and results.
        plugins: Files that register things.
        say: Told what the command line prints, such as ``print``.

    Raises:
        UsageError: Anything that cannot work.
    """
    from bench.cli.evaluate import evaluate_one

    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        if images is not None and not isinstance(images, str | Path):
            images = _as_file(images, Path(folder) / "images.npz")
        found = evaluate_one(
            run_id,
            images=None if images is None else Path(images),
            dataset=dataset,
            name=name,
            seed=seed,
            study=study,
            tier=tier,
            overrides=_assigned(settings),
            device=device,
            tracking_uri=tracking_uri,
            root=Path(root),
            plugins=[Path(each) for each in plugins],
            say=say,
        )
    status, _, reason = found["status"].partition(" ")
    return _outcome({**found, "status": status, "reason": reason})


def load_runs(
    source: str | Path | None = None,
    *,
    tier: str | None = None,
    dataset: str | None = None,
    settings: Settings | None = None,
    tracking_uri: str | None = None,
) -> Runs:
    """Tracked runs as pandas frames: ``.results`` and ``.curves``.

    Args:
        source: A study's name, or a file of ``bench bundle``; None reads every run of the store.
        tier: Of the study that was run, like all that follow.
        dataset: Where it was not the tier's.
        settings: That it was run with.
        tracking_uri: MLflow's store.

    Raises:
        UsageError: There are no such runs.
    """
    from bench.cli.export import find_runs

    return Runs(
        find_runs(
            None if source is None else str(source),
            tier=tier,
            dataset=dataset,
            overrides=_assigned(settings),
            tracking_uri=tracking_uri,
        )
    )


def write_report(
    source: str | Path,
    *,
    tier: str | None = None,
    dataset: str | None = None,
    settings: Settings | None = None,
    seeds: int | None = None,
    out: str | Path | None = None,
    tracking_uri: str | None = None,
    latex: bool = False,
    say: Say = quiet,
) -> Path:
    """Writes a study's report; the path of its README.md, beside which lies report.html.

    Args:
        source: A study's name, or a file of ``bench bundle``.
        tier: Of the study that was run, like ``dataset`` and ``settings``.
        dataset: Where it was not the tier's.
        settings: That it was run with.
        seeds: The first so many of each cell; None takes all.
        out: Folder; None takes ``reports/STUDY``.
        tracking_uri: MLflow's store.
        latex: Whether ``tables.tex`` and ``cite.bib`` are written too.
        say: Told what the command line prints, such as ``print``.

    Raises:
        UsageError: There are no such runs.
    """
    from bench.cli.report import make_report

    is_bundle = str(source).endswith(".zip")
    return make_report(
        None if is_bundle else str(source),
        bundle=Path(source) if is_bundle else None,
        tier=tier,
        dataset=dataset,
        overrides=_assigned(settings),
        seeds=seeds,
        latex=latex,
        out=None if out is None else Path(out),
        tracking_uri=tracking_uri,
        say=say,
    )


def _assigned(settings: Settings | None) -> list[str]:
    """``["depth=3"]``: as ``--set`` is given."""
    return [f"{key}={value}" for key, value in (settings or {}).items()]


def _as_file(images: Samples | NDArray[np.uint8], path: Path) -> Path:
    """Where images of this process are read from, as any others made elsewhere."""
    import numpy as np

    if not isinstance(images, Samples):
        images = Samples(images=images)
    if images.labels is None:
        np.savez(path, x=images.images)
    else:
        np.savez(path, x=images.images, y=images.labels)
    return path


def _outcome(found: Mapping[str, Any]) -> Outcome:
    said = found.get("warnings") or ()
    warnings = (": ".join(filter(None, (one["sentence"], one["turn"]))) for one in said)
    return Outcome(
        run_id=found["run_id"],
        status=found["status"],
        reason=found.get("reason", ""),
        metrics=dict(found["metrics"]),
        not_applicable=dict(found["not_applicable"]),
        warnings=tuple(warnings),
    )
