"""``bench exam``: which sanity checks the measures pass, on points or in a data set's features."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

import bench
from bench import datasets
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
from bench.config import dataset_slug, digest
from bench.contracts import Detector
from bench.detectors._find import find_detector
from bench.errors import UsageError
from bench.evaluation.feature_cache import user_cache
from bench.evaluation.reference import ReferenceData
from bench.evaluation.view import missing_detector
from bench.exam.checks import Check
from bench.exam.images import image_checks
from bench.exam.measures import NAMES
from bench.exam.numbers import Exam
from bench.exam.page import GAUSSIAN, NUMBERS, answer, found, read_numbers, record, write_page
from bench.exam.points import point_checks
from bench.exam.pool import pool_of
from bench.exam.sitting import RECIPE, sit
from bench.failed_checks import RECORD, write_record
from bench.files import written_where_asked
from bench.runtime import page_facts, prepare, resolve_device

N = 1_000
REPETITIONS = 3
FEWEST = 20


@command("exam")
def write_exam(
    subject: Annotated[
        str,
        typer.Argument(help=f"'{GAUSSIAN}' for points; or a data set: name, folder:PATH, npz:PATH"),
    ],
    *,
    detector: Annotated[str, typer.Option("--detector", help="whose features")] = "auto",
    n: Annotated[int, typer.Option("-n", min=FEWEST, max=10**5, help="points of a set")] = N,
    repetitions: Annotated[
        int, typer.Option("--repetitions", min=2, max=1_000, help="draws behind every mean")
    ] = REPETITIONS,
    device: Device = "auto",
    out: Annotated[
        Path | None, typer.Option("--out", help="folder; default reports/exam_SUBJECT")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--record", help="write the failures down for `bench list metrics`")
    ] = False,
    plugins: Plugins = None,
    fresh: Fresh = False,
    inception_weights: Weights = None,
    say: Say = quiet,
) -> dict[str, Any]:
    """Measures what is not measured yet and writes the page; where it is and who fails what.

    Raises:
        UsageError: Anything about the options that cannot work, or no detector at all.
    """
    prepare(threads=1)  # more threads would sum in another order and give other last digits
    out = out or Path("reports") / f"exam_{dataset_slug(subject)}"
    words = ["bench", "exam", subject]
    words += ["--detector", detector] if detector != "auto" else []
    words += ["-n", str(n)] if n != N else []
    words += ["--repetitions", str(repetitions)] if repetitions != REPETITIONS else []
    posed = _on_points(n) if subject == GAUSSIAN else _on_images(subject, detector, n, device, say)
    known = measured_before(read_numbers, out / NUMBERS, fresh=fresh, say=say)
    exam = _exam(posed, repetitions, shlex.join(words), known, say)
    with written_where_asked(out):
        path = write_page(posed.checks, exam, out)
    sat = record(posed.checks, exam)
    if keep:
        with written_where_asked(RECORD):
            write_record(sat)
    say(answer(exam, found(posed.checks, exam)).replace("**", ""))
    say(f"page in {path}")
    return {"page": str(path), "key": exam.key, "checks": sat.checks, "failed": sat.failed}


@dataclass(frozen=True, kw_only=True)
class Posed:
    """The checks of a subject, and what they are made of.

    Attributes:
        subject: ``gaussian``, or the data set's name.
        detector: Its name; empty for points.
        n: Of a set.
        checks: All that can be posed.
        reasons: Check that cannot, to the reason.
        facts: Digests, versions and machine, as text.
    """

    subject: str
    detector: str
    n: int
    checks: tuple[Check, ...]
    reasons: dict[str, str]
    facts: dict[str, str]


def _exam(posed: Posed, repetitions: int, called: str, known: Exam | None, say: Say) -> Exam:
    """What is known of it, and what the measures say that did not sit before."""
    key = _key(posed, repetitions)
    known = known if known is not None and known.key == key else None
    asked = [name for name in NAMES if known is None or name not in known.sat]
    if known is not None and not asked:
        say("measured before with the same data, detector, settings and version: not again")
        return known
    if known is not None:
        say(f"measured before but for {', '.join(asked)}: these alone sit")
    answers = sit(posed.checks, repetitions, say, asked)
    if known is not None:
        return known.joined(answers, asked, posed.facts)
    return Exam(
        key=key,
        command=called,
        subject=posed.subject,
        detector=posed.detector,
        n=posed.n,
        repetitions=repetitions,
        answers=answers,
        not_applicable=posed.reasons,
        facts=posed.facts,
        asked=tuple(asked),
    )


def _on_points(n: int) -> Posed:
    return Posed(
        subject=GAUSSIAN,
        detector="",
        n=n,
        checks=point_checks(n),
        reasons={},
        facts=page_facts(torch.device("cpu")),
    )


def _on_images(dataset: str, name: str, most: int, device: str, say: Say) -> Posed:
    """Checks in the features of a detector, of at most so many images a set.

    Raises:
        UsageError: No such data set or detector, or too few images.
    """
    splits = datasets.load(dataset)
    datasets.require_pictures(splits.spec, "exam")
    say_notes(splits.notes, say)
    reference = ReferenceData(splits, resolve_device(device), None, cache=user_cache())
    detector = _detector(name, reference)
    pool = pool_of(reference, detector, most)
    n = min(most, pool.most())
    if n < FEWEST:
        raise UsageError(
            f"an exam on {n} images a set says nothing (the smallest class of a half of the train "
            f"split of '{reference.spec.name}' has no more), expected at least {FEWEST}: give it "
            "more images"
        )
    if n < most:
        say(f"note: sets of {n:,} images, as many as half of the smallest train class has")
    checks, reasons = image_checks(pool, n)
    return Posed(
        subject=reference.spec.name,
        detector=detector.name,
        n=n,
        checks=checks,
        reasons=reasons,
        facts={
            "data digest": reference.spec.digest,
            f"detector {detector.name}": f"{detector.digest}, {detector.dim} features",
            **page_facts(reference.device),
        },
    )


def _detector(name: str, reference: ReferenceData) -> Detector:
    found = find_detector(name, reference.spec)
    if found is None:
        reason = missing_detector(reference.spec)
        raise UsageError(f"no detector for an exam on '{reference.spec.name}': {reason}")
    return found


def _key(posed: Posed, repetitions: int) -> str:
    """What the numbers depend on; with equal keys no measure sits twice."""
    data = {k: v for k, v in posed.facts.items() if k.startswith(("data", "detector"))}
    return digest(
        {
            "subject": posed.subject,
            **data,
            "n": posed.n,
            "repetitions": repetitions,
            "checks": {c.name: [list(s.levels) for s in c.settings] for c in posed.checks},
            "recipe": RECIPE,
            "bench": bench.__version__,
        }
    )
