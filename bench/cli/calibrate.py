"""``bench calibrate``: how far the distances of a data set can be trusted, as a card."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

import bench
from bench import datasets
from bench.calibration.card import NUMBERS, answer, read_numbers, write_card
from bench.calibration.corruptions import CORRUPTIONS, corrupt
from bench.calibration.measure import RECIPE, calibrate, largest_count
from bench.calibration.numbers import Calibration, ProbeResults
from bench.cli.options import (
    Device,
    Fresh,
    Plugins,
    Say,
    Weights,
    command,
    measured_before,
    quiet,
    say_notes,
)
from bench.config import digest, listed
from bench.contracts import Detector
from bench.detectors._find import find_detector, find_others
from bench.errors import UsageError
from bench.evaluation.feature_cache import user_cache
from bench.evaluation.reference import ReferenceData
from bench.evaluation.view import missing_detector
from bench.files import data_home, written_where_asked
from bench.images import grid, to_png
from bench.metrics.floors import NUM_SUBSETS
from bench.report.writer import card_folder
from bench.runtime import page_facts, prepare, resolve_device

AUTO = "auto"
DETECTORS = "auto,random,inception"
MOST = 10_000
EXAMPLES = 2
EXAMPLE_SIDE = 64


@command("calibrate")
def write_calibration(
    dataset: Annotated[str, typer.Argument(help="name, folder:PATH or npz:PATH")],
    *,
    detectors: Annotated[
        str, typer.Option("--detectors", help="which; those that are not here are left out")
    ] = DETECTORS,
    most: Annotated[
        int, typer.Option("-n", min=1, max=10**7, help="most images per distance")
    ] = MOST,
    device: Device = "auto",
    out: Annotated[
        Path | None, typer.Option("--out", help="folder; default reports/calibration_DATASET")
    ] = None,
    plugins: Plugins = None,
    fresh: Fresh = False,
    inception_weights: Weights = None,
    say: Say = quiet,
) -> dict[str, Any]:
    """Measures what is not measured yet and writes the card; where it is and what it says.

    Raises:
        UsageError: Anything about the options that cannot work, or no detector at all.
    """
    prepare(threads=1)  # more threads would sum in another order and give other last digits
    splits = datasets.load(dataset)
    datasets.require_pictures(splits.spec, "calibrate")
    say_notes(splits.notes, say)
    reference = ReferenceData(splits, resolve_device(device), None, cache=user_cache())
    used, lacking = _detectors(detectors, reference)
    out = out or Path("reports") / card_folder(dataset)
    key = _key(reference, used, sorted(lacking), most)
    found = measured_before(read_numbers, out / NUMBERS, fresh=fresh, say=say)
    if found is None or found.key != key:
        found = _measured(
            reference,
            used,
            lacking,
            most,
            key=key,
            command_line=_command(dataset, detectors, most),
            say=say,
        )
    else:
        say("measured before with the same data, detectors, settings and version: not again")
    with written_where_asked(out):
        path = write_card(found, _examples(reference), out)
    say(answer(found).replace("**", ""))
    say(f"card in {path}")
    failing = {each.name: _failures(each) for each in found.answers if _failures(each)}
    return {"card": str(path), "key": key, "failing": failing, "lacking": found.not_applicable}


def _command(dataset: str, detectors: str, most: int) -> str:
    """What repeats the card; options that change no number are left out."""
    words = ["bench", "calibrate", dataset]
    words += ["--detectors", detectors] if detectors != DETECTORS else []
    words += ["-n", str(most)] if most != MOST else []
    return shlex.join(words)


def _detectors(names: str, reference: ReferenceData) -> tuple[list[Detector], dict[str, str]]:
    """Those that are here, and why the others are not."""
    found, lacking = find_others(names, reference.spec)
    if AUTO in listed(names) and find_detector(AUTO, reference.spec) is None:
        lacking = {"the data set's own detector": missing_detector(reference.spec)} | lacking
    if not found:
        reasons = "; ".join(lacking.values()) or "none was named: give one with --detectors"
        raise UsageError(f"no detector to calibrate on '{reference.spec.name}': {reasons}")
    return found, lacking


def _key(reference: ReferenceData, detectors: list[Detector], lacking: list[str], most: int) -> str:
    """What the numbers depend on; equal keys need no second measurement."""
    return digest(
        {
            "data": reference.spec.digest,
            "detectors": {each.name: each.digest for each in detectors},
            "lacking": lacking,
            "n": largest_count(reference, most),
            "draws": NUM_SUBSETS,
            "recipe": RECIPE,
            "bench": bench.__version__,
        }
    )


def _measured(
    reference: ReferenceData,
    detectors: list[Detector],
    lacking: dict[str, str],
    most: int,
    *,
    key: str,
    command_line: str,
    say: Say,
) -> Calibration:
    n = largest_count(reference, most)
    answers: list[ProbeResults] = []
    # The same sentence on every machine: a card is published.
    home = str(data_home())
    reasons = {name: why.replace(home, "BENCH_DATA") for name, why in lacking.items()}
    for detector in detectors:
        say(f"{detector.name}: real and damaged images of {reference.spec.name}, n = {n:,}")
        found, why = calibrate(reference, detector, most)
        answers += found
        reasons |= why
    sizes = {"train": "train", "validation": "val", "test": "test"}
    return Calibration(
        key=key,
        command=command_line,
        dataset=reference.spec.name,
        sizes={name: len(reference.images(split)) for name, split in sizes.items()},
        pool=2 * n,
        draws=NUM_SUBSETS,
        answers=tuple(answers),
        not_applicable=reasons,
        facts=_facts(reference, detectors),
    )


def _facts(reference: ReferenceData, detectors: list[Detector]) -> dict[str, str]:
    return {
        "data digest": reference.spec.digest,
        **{f"detector {each.name}": f"{each.digest}, {each.dim} features" for each in detectors},
        **page_facts(reference.device),
    }


def _failures(answers: ProbeResults) -> dict[str, list[str]]:
    return {
        name: list(verdict.failures)
        for name, verdict in answers.verdicts().items()
        if verdict.failures
    }


def _examples(reference: ReferenceData) -> bytes:
    """Two train images undamaged and at every dose, as a PNG."""
    images = reference.subset("train", EXAMPLES)[0]
    rows = [
        torch.stack([images, *(corrupt(images, kind, dose) for dose in kind.doses)], 1)
        for kind in CORRUPTIONS
    ]
    tiles = torch.cat([row.flatten(0, 1) for row in rows])
    columns = 1 + len(CORRUPTIONS[0].doses)
    return to_png(grid(tiles, columns=columns, scale=max(1, EXAMPLE_SIDE // images.shape[2])))
