"""``bench data``: what distances are measured on."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from bench import datasets
from bench.cli.options import Say, app, columns, command, quiet
from bench.dataset_names import OwnPictures, own_pictures
from bench.datasets._examined import Examined, examine
from bench.datasets._splits import fewest_images, more_images
from bench.errors import UsageError

OWN_FEATURES = 64
"""Of the detectors that a user's pictures may have: the untrained one, and one made for them."""

MOST_KINDS = 8
"""Rows of a table."""

data = typer.Typer(rich_markup_mode=None)
app.add_typer(data, name="data")


@command("list", into=data, example="bench data list")
def data_list(*, say: Say = quiet) -> dict[str, Any]:
    """Which data sets there are, and which are installed."""
    rows = datasets.status()
    for row in rows:
        state = "installed" if row.installed else "not installed"
        say(f"{row.name:<14} {state:<14} {row.summary}")
    say("folder:PATH    your images, one folder per class, or flat: `bench data check PATH`")
    say("npz:PATH       your arrays, x_train y_train x_test y_test or x y")
    return {row.name: {**vars(row), "path": str(row.path or "")} for row in rows}


@command(
    "check",
    into=data,
    fails=lambda found: not found["usable"],
    example="bench data check photos --resize 32 --gray",
)
def data_check(
    path: Annotated[Path, typer.Argument(help="a folder of pictures, or an .npz file")],
    *,
    resize: Annotated[
        int | None, typer.Option("--resize", min=4, max=1024, help="side of every image")
    ] = None,
    gray: Annotated[bool, typer.Option("--gray", help="make every image gray")] = False,
    background: Annotated[
        str, typer.Option("--background", help="white or black, under transparent pixels")
    ] = "",
    skip: Annotated[bool, typer.Option("--skip", help="leave out what cannot be read")] = False,
    held_out: Annotated[
        int | None, typer.Option("--held-out", min=1, help="images for validation, and for test")
    ] = None,
    say: Say = quiet,
) -> dict[str, Any]:
    """Say kind by kind what would be done to your pictures, and the name of the data set they make.

    Raises:
        UsageError: Neither a folder nor an ``.npz`` file, an unclear layout, a wrong option.
    """
    wanted = OwnPictures(
        kind=_kind(path),
        path=str(path),
        resize=resize,
        gray=gray,
        background=background,
        skip=skip,
        held_out=held_out,
    )
    own = own_pictures(wanted.name)  # the options' own checks
    assert own is not None
    found: dict[str, Any] = {"dataset": own.name, "usable": False, "why": ""}
    examined = examine(path, own) if own.kind == "folder" else None
    if examined:
        found |= _say_kinds(examined, own, say)
    if own.sentence:
        say(own.sentence)
    try:
        splits = datasets.load(own.name)
    except UsageError as error:
        found["why"] = error.finding if isinstance(error, datasets.NotAsTheyAre) else str(error)
        say(f"not usable like this: {found['why']}")
        if examined and (better := examined.options(own)) != own:
            found["try"] = better.name
            say(f"try: bench data check {_as_options(better)}")
        return found
    for note in splits.notes:
        say(f"note: {note}")
    sizes = [len(part) for part in (splits.train, splits.val, splits.test)]
    shape, num_classes = splits.spec.shape, splits.spec.num_classes
    classes = f"{num_classes} classes" if num_classes else "no labels"
    channels = "gray" if shape[0] == 1 else "colour"
    say(
        f"{sum(sizes):,} images of {shape[1]}x{shape[2]} in {channels}, {classes}: {sizes[0]:,} to train, "
        f"{sizes[1]:,} for validation, {sizes[2]:,} for test"
    )
    found |= {"usable": True, "shape": shape, "sizes": sizes, "num_classes": num_classes}
    for line in _advice(own, sizes, num_classes):
        say(line)
    return found


def _kind(path: Path) -> str:
    if path.is_dir():
        return "folder"
    if path.suffix.lower() != ".npz":
        what = "is not there" if not path.exists() else "is neither a folder nor an .npz file"
        raise UsageError(f"'{path}' {what}: give a folder of pictures, or a file of arrays x and y")
    return "npz"


def _as_options(own: OwnPictures) -> str:
    """What ``bench data check`` is given for it."""
    said = [shlex.quote(own.path)]
    said += [f"--resize {own.resize}"] if own.resize else []
    said += [f"--background {own.background}"] if own.background else []
    said += [f"--held-out {own.held_out}"] if own.held_out else []
    return " ".join([*said, *["--gray"] * own.gray, *["--skip"] * own.skip])


def _say_kinds(examined: Examined, own: OwnPictures, say: Say) -> dict[str, Any]:
    """A table of what is there."""
    headings = {
        "read": examined.read,
        "sizes": examined.sizes,
        "left out" if own.skip else "refused": examined.refused,
    }
    for heading, kinds in headings.items():
        if kinds:
            rows = [kind.row() for kind in kinds[:MOST_KINDS]]
            say("\n".join([heading, *columns(rows)]))
            if more := kinds[MOST_KINDS:]:
                say(
                    f"  and {sum(len(kind.names) for kind in more):,} in {len(more):,} further kinds"
                )
    return {
        name: {kind.what: len(kind.names) for kind in kinds}
        for name, kinds in vars(examined).items()
    }


def _advice(own: OwnPictures, sizes: Sequence[int], num_classes: int) -> list[str]:
    """What a study needs, and the next command."""
    lines, enough = [], own
    if sizes[1] <= OWN_FEATURES:
        if sum(sizes) >= fewest_images(OWN_FEATURES):
            enough = replace(own, held_out=OWN_FEATURES + 1)
        lines.append(
            f"a study chooses by a distance in {OWN_FEATURES} features, for which {sizes[1]} validation "
            f"images are too few: {more_images(own, sizes, OWN_FEATURES)}"
        )
        lines.append("bench train goes on without it, by measures that hold for few (kd)")
    dataset = shlex.quote(enough.name)
    if num_classes > 1:
        lines.append(f"a detector that knows the classes: bench detectors train {dataset}")
    lines.append(f"try it: bench train vae --dataset {dataset} --set detector=random")
    return lines


@command("fetch", into=data, example="bench data fetch mnist")
def data_fetch(
    name: Annotated[str, typer.Argument(help="of a data set, as `bench data list` has it")],
    *,
    say: Say = quiet,
) -> Path:
    """Download a data set."""
    path = datasets.fetch(name)
    say(f"{name} in {path}")
    return path


@command("import", into=data, example="bench data import mnist downloads")
def data_import(
    name: Annotated[str, typer.Argument(help="of a data set, as `bench data list` has it")],
    directory: Annotated[Path, typer.Argument(help="folder of the four IDX files")],
    *,
    say: Say = quiet,
) -> Path:
    """Install a data set from its IDX files, for machines without a network."""
    path = datasets.import_idx(name, directory)
    say(f"{name} in {path}")
    return path


@command(
    "verify", into=data, fails=lambda found: not found["ok"], example="bench data verify mnist"
)
def data_verify(
    name: Annotated[str, typer.Argument(help="of a data set, as `bench data list` has it")],
    *,
    say: Say = quiet,
) -> dict[str, Any]:
    """Compare an installed data set with its digest."""
    verdict = datasets.verify(name)
    say(verdict.sentence)
    return {"name": name, "ok": verdict.ok, "digest": verdict.digest, "said": verdict.sentence}
