"""``bench sample``: a grid of samples of a tracked run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import Tensor

from bench.cli.options import Device, Plugins, Root, Say, Uri, command, quiet
from bench.contracts import EvalFns, Rng
from bench.errors import UsageError
from bench.evaluation.reference import ReferenceData
from bench.evaluation.view import draw
from bench.files import written_where_asked
from bench.images import Picture, display_scale, grid, to_png
from bench.labels import draw_labels
from bench.models import config_from_params
from bench.pictures import over_the_truth
from bench.runtime import DeviceRng, generator, prepare, resolve_device
from bench.tracking.mlflow import Store
from bench.training.identity import changed_since
from bench.training.parts import reference_for, restore_run


@command("sample")
def sample_run(
    run_id: Annotated[
        str, typer.Argument(metavar="RUN", help="id of a tracked run, or its beginning")
    ],
    *,
    count: Annotated[int, typer.Option("-n", min=1, max=10_000, help="number of images")] = 64,
    out: Annotated[Path, typer.Option("-o", help="PNG to write")] = Path("samples.png"),
    seed: Annotated[int, typer.Option("--seed", min=0, max=2**31 - 1, help="of the noise")] = 0,
    label: Annotated[
        int | None, typer.Option("--class", help="of a conditional model; default: all")
    ] = None,
    device: Device = "auto",
    tracking_uri: Uri = None,
    root: Root = Path("runs"),
    plugins: Plugins = None,
    say: Say = quiet,
) -> None:
    """Writes a grid of samples of a tracked run, of one class if ``label`` is given.

    Raises:
        UsageError: No such run, its checkpoint is not under ``root``, or it has no such class.
    """
    prepare()
    record = Store(tracking_uri).record(run_id)
    config = config_from_params(record.params)
    reference = reference_for(config, resolve_device(device))
    if changed := changed_since(record.about, config, reference.spec):
        say(f"run {record.run_id} was trained with other {', '.join(changed)} than there is now")
    folder = root / (record.about.folder or "?")
    trainable = restore_run(config, reference, folder, record.run_id)
    noise = DeviceRng(generator("sample", seed), reference.device)
    labels = _labels(trainable.eval_fns, reference, count, label, noise)
    top = reference.spec.top
    images = draw(trainable.modules, trainable.eval_fns, count, noise, labels, top=top)
    png = to_png(_shown(images, reference))
    with written_where_asked(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(png)
    say(f"{count} samples in {out}")


def _shown(images: Tensor, reference: ReferenceData) -> Picture:
    """A grid; points of a plane over the true modes."""
    if reference.truth and reference.detector:
        return over_the_truth(reference.detector(images)[0], reference.truth)
    side = max(1, round(len(images) ** 0.5))
    return grid(images, columns=side, scale=display_scale(images.shape[2]))


def _labels(
    fns: EvalFns, reference: ReferenceData, count: int, label: int | None, noise: Rng
) -> Tensor | None:
    if not fns.conditional:
        if label is not None:
            raise UsageError(f"--class {label} is for a conditional model, and this run has none")
        return None
    if label is None:
        return draw_labels(reference.spec, count, noise)
    if not 0 <= label < reference.spec.num_classes:
        raise UsageError(f"--class must be in 0..{reference.spec.num_classes - 1}, got {label}")
    return torch.full((count,), label, device=reference.device)
