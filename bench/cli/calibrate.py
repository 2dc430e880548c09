"""``bench calibrate``: how far the distances of a data set can be trusted, as a card."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import bench
from bench import datasets
from bench.calibration.card import answer, read_numbers, write_card
from bench.calibration.corruptions import CORRUPTIONS, corrupt
from bench.calibration.gauges import DRAWS
from bench.calibration.measure import RECIPE, calibrate, largest_count
from bench.calibration.numbers import Answers, Calibration
from bench.config import digest, listed
from bench.contracts import Detector
from bench.detectors._find import find_detector, find_others
from bench.errors import UsageError
from bench.evaluation.feature_cache import user_cache
from bench.evaluation.reference import HeldData
from bench.evaluation.view import missing_detector
from bench.files import data_home
from bench.images import grid, to_png
from bench.registry import load_plugins
from bench.report.calibration_link import card_folder
from bench.runtime import environment, prepare, resolve_device

Say = Callable[[str], object]

AUTO = "auto"
DETECTORS = "auto,random,inception"
MOST = 10_000
EXAMPLES = 2
EXAMPLE_SIDE = 64
FACTS = ("bench_version", "git_commit", "python", "torch", "numpy", "processor", "threads")


@dataclass(frozen=True, kw_only=True)
class CalibrateOptions:
    """The options of ``bench calibrate``."""

    dataset: str
    detectors: str = DETECTORS
    most: int = MOST
    device: str = "auto"
    out: Path | None = None
    plugins: tuple[Path, ...] = ()
    fresh: bool = False

    @property
    def command(self) -> str:
        """What repeats the card; options that change no number are left out."""
        words = ["bench", "calibrate", self.dataset]
        words += ["--detectors", self.detectors] if self.detectors != DETECTORS else []
        words += ["-n", str(self.most)] if self.most != MOST else []
        return shlex.join(words)


def write_calibration(options: CalibrateOptions, *, say: Say) -> dict[str, Any]:
    """Measures what is not measured yet and writes the card; where it is and what it says.

    Raises:
        UsageError: Anything about the options that cannot work, or no detector at all.
    """
    load_plugins(options.plugins)
    prepare(threads=1)  # more threads would sum in another order and give other last digits
    splits = datasets.load(options.dataset)
    held = HeldData(splits, resolve_device(options.device), None, cache=user_cache())
    detectors, lacking = _detectors(options, held)
    out = options.out or Path("reports") / card_folder(options.dataset)
    key = _key(options, held, detectors, sorted(lacking))
    found = None if options.fresh else read_numbers(out)
    if found is None or found.key != key:
        found = _measured(options, held, detectors, lacking, key=key, say=say)
    else:
        say("measured before with the same data, detectors, settings and version: not again")
    path = write_card(found, _examples(held), out)
    say(answer(found).replace("**", ""))
    say(f"card in {path}")
    failing = {each.name: _failures(each) for each in found.answers if _failures(each)}
    return {"card": str(path), "key": key, "failing": failing, "lacking": found.not_applicable}


def _detectors(options: CalibrateOptions, held: HeldData) -> tuple[list[Detector], dict[str, str]]:
    """Those that are here, and why the others are not."""
    found, lacking = find_others(options.detectors, held.spec)
    if AUTO in listed(options.detectors) and find_detector(AUTO, held.spec) is None:
        lacking = {"the data set's own detector": missing_detector(held.spec.name)} | lacking
    if not found:
        reasons = "; ".join(lacking.values()) or "none was named: give one with --detectors"
        raise UsageError(f"no detector to calibrate on '{held.spec.name}': {reasons}")
    return found, lacking


def _key(
    options: CalibrateOptions, held: HeldData, detectors: list[Detector], lacking: list[str]
) -> str:
    """What the numbers depend on; equal keys need no second measurement."""
    return digest(
        {
            "data": held.spec.digest,
            "detectors": {each.name: each.digest for each in detectors},
            "lacking": lacking,
            "n": largest_count(held, options.most),
            "draws": DRAWS,
            "recipe": RECIPE,
            "bench": bench.__version__,
        }
    )


def _measured(
    options: CalibrateOptions,
    held: HeldData,
    detectors: list[Detector],
    lacking: dict[str, str],
    *,
    key: str,
    say: Say,
) -> Calibration:
    n = largest_count(held, options.most)
    answers: list[Answers] = []
    reasons = {name: _anywhere(why) for name, why in lacking.items()}
    for detector in detectors:
        say(f"{detector.name}: real and damaged images of {held.spec.name}, n = {n:,}")
        found, why = calibrate(held, detector, options.most)
        answers += found
        reasons |= why
    sizes = {"train": "train", "validation": "val", "test": "test"}
    return Calibration(
        key=key,
        command=options.command,
        dataset=held.spec.name,
        sizes={name: len(held.images(split)) for name, split in sizes.items()},
        pool=2 * n,
        draws=DRAWS,
        answers=tuple(answers),
        not_applicable=reasons,
        facts=_facts(held, detectors),
    )


def _anywhere(sentence: str) -> str:
    """The same sentence on every machine: a card is published."""
    return sentence.replace(str(data_home()), "BENCH_DATA")


def _facts(held: HeldData, detectors: list[Detector]) -> dict[str, str]:
    known = environment()
    return {
        "data digest": held.spec.digest,
        **{f"detector {each.name}": f"{each.digest}, {each.dim} features" for each in detectors},
        **{name.replace("_", " "): known[name] for name in FACTS},
        "device": held.device.type,
    }


def _failures(answers: Answers) -> dict[str, list[str]]:
    return {
        name: list(verdict.failures)
        for name, verdict in answers.verdicts().items()
        if verdict.failures
    }


def _examples(held: HeldData) -> bytes:
    """Two train images undamaged and at every dose, as a PNG."""
    images = held.some("train", EXAMPLES)[0]
    rows = [
        torch.stack([images, *(corrupt(images, kind, dose) for dose in kind.doses)], 1)
        for kind in CORRUPTIONS
    ]
    tiles = torch.cat([row.flatten(0, 1) for row in rows])
    columns = 1 + len(CORRUPTIONS[0].doses)
    return to_png(grid(tiles, columns=columns, scale=max(1, EXAMPLE_SIDE // images.shape[2])))
