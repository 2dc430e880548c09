"""``bench sample``: samples of a tracked run, as a grid or as files to be measured."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from torch import Tensor

from bench.cli.options import Device, Plugins, Root, Say, Uri, command, quiet
from bench.config import RunConfig
from bench.contracts import Trainable
from bench.errors import UsageError
from bench.evaluation.reference import ReferenceData
from bench.evaluation.sampling import sampled
from bench.evaluation.saved import is_grid, require_place, save_samples
from bench.evaluation.view import evaluation_mode
from bench.files import written_where_asked
from bench.images import Picture, display_scale, grid, to_png
from bench.models import config_from_params
from bench.pictures import over_the_truth
from bench.records import DataSpec
from bench.runtime import prepare, resolve_device
from bench.tracking.recorded import open_recorded
from bench.training.identity import changed_since
from bench.training.parts import reference_for, restore_run


@dataclass(frozen=True, kw_only=True, eq=False)
class LoadedRun:
    """A finished run, as its last checkpoint has it.

    Attributes:
        run_id: Of it, whole.
        config: Its settings.
        reference: The data that it was trained on, the device, the detectors.
        trainable: Its modules in evaluation mode, averages in place of what they average, and its
            functions.
    """

    run_id: str
    config: RunConfig
    reference: ReferenceData
    trainable: Trainable


@command("sample")
def sample_run(
    run_id: Annotated[
        str, typer.Argument(metavar="RUN", help="id of a tracked run, or its beginning")
    ],
    *,
    count: Annotated[int, typer.Option("-n", min=1, max=1_000_000, help="number of images")] = 64,
    out: Annotated[
        Path, typer.Option("-o", "--out", help="a grid in one .png, arrays in an .npz, or a folder")
    ] = Path("samples.png"),
    seed: Annotated[int, typer.Option("--seed", min=0, max=2**31 - 1, help="of the noise")] = 0,
    label: Annotated[
        int | None, typer.Option("--class", help="of a conditional model; default: all")
    ] = None,
    device: Device = "auto",
    tracking_uri: Uri = None,
    root: Root = Path("runs"),
    plugins: Plugins = None,
    say: Say = quiet,
) -> dict[str, Any]:
    """Writes samples of a tracked run, of one class if ``label`` is given.

    Raises:
        UsageError: No such run, its checkpoint is not under ``root``, it has no such class, or
            ``out`` has another ending.
    """
    require_place(out, count)
    loaded = load_run(run_id, device=device, tracking_uri=tracking_uri, root=root, say=say)
    reference = loaded.reference
    if not is_grid(out):
        _require_pictures(reference.spec, out)
    images, labels = draw_samples(loaded, count, seed=seed, label=label)
    with written_where_asked(out):
        if is_grid(out):
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_bytes(to_png(_shown(images, reference)))
        else:
            save_samples(out, images, labels)
    say(f"{count} samples in {out}")
    if not is_grid(out):
        detector = loaded.config.eval.detector
        through = "" if detector == "auto" else f" --set detector={detector}"
        dataset = shlex.quote(reference.spec.name)
        say(
            f"measured by: bench eval --images {shlex.quote(str(out))} --dataset {dataset}{through}"
        )
    return {"run_id": loaded.run_id, "count": count, "out": str(out)}


def load_run(
    run_id: str,
    *,
    device: str = "auto",
    tracking_uri: str | None = None,
    root: Path = Path("runs"),
    say: Say = quiet,
) -> LoadedRun:
    """A tracked run, ready to be sampled.

    Raises:
        UsageError: No such run, or its checkpoint is not under ``root``.
    """
    prepare()
    record = open_recorded(tracking_uri).record(run_id)
    config = config_from_params(record.params)
    reference = reference_for(config, resolve_device(device))
    if changed := changed_since(record.about, config, reference.spec):
        say(f"run {record.run_id} was trained with other {', '.join(changed)} than there is now")
    folder = root / (record.about.folder or "?")
    trainable = restore_run(config, reference, folder, record.run_id)
    evaluation_mode(trainable.modules)
    return LoadedRun(run_id=record.run_id, config=config, reference=reference, trainable=trainable)


def draw_samples(
    loaded: LoadedRun, count: int, *, seed: int = 0, label: int | None = None
) -> tuple[Tensor, Tensor | None]:
    """Samples, uint8 ``[N, C, H, W]`` (points of a plane uint16), and the classes they are made for.

    Raises:
        UsageError: ``label`` is no class of the model.
    """
    reference = loaded.reference
    return sampled(
        loaded.trainable, reference.spec, reference.device, count, seed=seed, label=label
    )


def _require_pictures(spec: DataSpec, out: Path) -> None:
    if spec.extent:
        raise UsageError(
            f"'{spec.name}' has points of a plane, which no picture file holds, got -o '{out}': give a "
            ".png, which shows them over the true modes"
        )


def _shown(images: Tensor, reference: ReferenceData) -> Picture:
    """A grid; points of a plane over the true modes."""
    if reference.truth and reference.detector:
        return over_the_truth(reference.detector(images)[0], reference.truth)
    side = max(1, round(len(images) ** 0.5))
    return grid(images, columns=side, scale=display_scale(images.shape[2]))
