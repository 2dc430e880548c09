"""The calibration card of a data set: plain numbers in, markdown and figures out."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter

from bench.calibration.figures import card_figures
from bench.calibration.numbers import Calibration, DoseResponse, ProbeResults
from bench.calibration.tables import PIXELS, against_n, asked, doses, examples, floors, value
from bench.files import page_folder
from bench.measures import COARSE
from bench.results.format import code, count, join, prose, significant, table
from bench.text import one_line

NUMBERS = "numbers.json"
STORED = TypeAdapter(Calibration)
"""Reads what is stored there, to the same bits."""

CEILING = "pixel Gaussian"
"""What every model has to beat, so that models lie between it and the floor."""


def read_numbers(folder: Path) -> Calibration | None:
    """What ``write_card`` left in a folder; None where it is not there or cannot be read."""
    try:
        found = STORED.validate_json((folder / NUMBERS).read_bytes())
        card_text(found, defaultdict(str))  # numbers that lack a part are no card
    except (OSError, ValueError, LookupError, ArithmeticError, TypeError):
        return None
    return found


def write_card(calibration: Calibration, examples: bytes, out: Path) -> Path:
    """Writes ``README.md``, ``numbers.json`` and ``figures/*.png`` into a folder.

    Args:
        calibration: The numbers.
        examples: A PNG of two images, undamaged and at every dose, two rows per corruption.
        out: The folder; made if need be.

    Returns:
        The path of ``README.md``.

    Raises:
        UsageError: ``out`` is a file.
    """
    figures = page_folder(out, "card")
    text = json.dumps(asdict(calibration), indent=1, allow_nan=False)
    (out / NUMBERS).write_text(f"{text}\n", encoding="utf-8", newline="\n")
    (figures / "examples.png").write_bytes(examples)
    # What is drawn is what was stored: a card made from the file alone is the same.
    stored = STORED.validate_json(text)
    card = card_text(stored, card_figures(stored, figures))
    readme = out / "README.md"
    readme.write_text(card, encoding="utf-8", newline="\n")
    return readme


def card_text(calibration: Calibration, drawn: Mapping[str, str]) -> str:
    """The markdown; ``drawn`` shows each figure."""
    sections = [
        (
            f"# How far distances can be trusted on {prose(calibration.dataset)}",
            answer(calibration),
        ),
        ("## Asked of a distance", asked(calibration)),
        ("## Floors: real images against real images", floors(calibration)),
        ("## Doses", examples(calibration)),
        *((f"### {code(each.name)}", doses(each, drawn)) for each in calibration.answers),
        ("## Distance against the number of images", against_n(calibration, drawn)),
        ("## How this was measured", _protocol(calibration)),
        ("## Provenance", _provenance(calibration)),
    ]
    return "\n\n".join(f"{heading}\n\n{text}" for heading, text in sections) + "\n"


def answer(calibration: Calibration) -> str:
    """The first sentence in bold, then a bullet for each other thing that was found."""
    first, *others = calibration.answers
    bullets = [
        f"{_told(first)}.{_coarse(first)}",
        _away(first),
        *(
            f"{code(a.name)}: {_least(a)}; it {_follows(a)}. {_told(a)}.{_coarse(a)}"
            for a in others
        ),
        *(
            f"Not measured: {name}, {prose(why)}."
            for name, why in calibration.not_applicable.items()
        ),
    ]
    return (
        f"**On {prose(calibration.dataset)} with n = {count(first.n)}, "
        f"{_least(first, f'of {code(first.name)} ')}; it {_follows(first)}.**\n\n"
        + "\n".join(f"- {bullet}" for bullet in bullets)
    )


def _least(results: ProbeResults, of: str = "") -> str:
    """What difference is one."""
    return (
        f"differences {of}below {significant(results.floor.spread, 2)} are within what real images "
        f"differ by (real train images have {value(results.floor)})"
    )


def _follows(results: ProbeResults) -> str:
    """Whether the distance follows the doses, corruption by corruption."""
    verdicts = results.verdicts()
    good = [each for each in results.responses if not verdicts[each.corruption].failures]
    rising = [each for each in good if each.rises]
    above = [each.corruption for each in rising if not each.not_above(results.floor)]
    parts = [f"with every dose of {join(above)}"] if above else []
    parts += [_from_floor(each, results) for each in rising if each.not_above(results.floor)]
    said = [f"rises {', and '.join(parts)}"] if parts else []
    others = [each.corruption for each in good if not each.rises]
    said += [f"follows the doses of {join(others)}"] if others else []
    said += [
        f"FAILS on {name}: it {join(verdict.failures)}"
        for name, verdict in verdicts.items()
        if verdict.failures
    ]
    return "; it ".join(said)


def _from_floor(response: DoseResponse, results: ProbeResults) -> str:
    """``with those of blur from 0.5 on (0.3 is not above the floor)``."""
    low = response.not_above(results.floor)
    first = next(p.x for p in response.points if p.x not in low)
    are = "is" if len(low) == 1 else "are"
    doses = join([f"{dose:g}" for dose in low])
    return (
        f"with those of {response.corruption} from {first:g} on ({doses} {are} not above the floor)"
    )


def _told(results: ProbeResults) -> str:
    """Which doses lie within the floor's spread."""
    within = [
        f"{name} {join([f'{dose:g}' for dose in verdict.within])}"
        for name, verdict in results.verdicts().items()
        if verdict.within
    ]
    if not within:
        return "The smallest dose of every corruption is told from real images"
    return f"Not told from real images, being within the spread: {'; '.join(within)}"


def _coarse(results: ProbeResults) -> str:
    """Protocol rule 11: fewer than ten images per feature is marked."""
    few = f"fewer than {COARSE} images for each of {results.dim} features"
    return f" Coarse: {few}, much of it is bias." if results.coarse else ""


def _away(results: ProbeResults) -> str:
    """The spread where models are, between the floor and the pixel Gaussian."""
    pixels = [each for each in results.responses if each.corruption in PIXELS]
    points = [(each.corruption, p) for each in pixels for p in each.points]
    target = results.ceilings[CEILING] / 2
    name, point = min(points, key=lambda pair: abs(pair[1].mean - target))
    return (
        f"Away from the floor a distance is less certain: {count(results.n)} images with {name} "
        f"{point.x:g} are at {value(point)}, and between models that far from real images differences "
        f"below {significant(point.spread, 2)} are sampling noise."
    )


def _protocol(calibration: Calibration) -> str:
    n = max(results.n for results in calibration.answers)
    factor = (1 - n / calibration.pool) ** -0.5
    lines = [
        (
            "Splits: the reference is the test split, as for every distance that is reported; "
            "validation has fewer images, so that its distances are others. No model, setting or "
            "seed enters, and nothing that selects reads this card, so that test stays sealed for "
            "selection. What is damaged are train images."
        ),
        (
            f"Floor: {calibration.draws} random subsets of all train images against the first n of "
            "test in their fixed random order, as in every report. Only a difference larger than "
            "its spread is one."
        ),
        (
            f"Doses: {count(calibration.pool)} train images are damaged, with the same noise at "
            f"every dose, rounded to uint8, and {calibration.draws} random subsets of n drawn, the "
            f"same at every dose. At n = {count(n)} subsets share images: sets of other images "
            f"would spread up to {significant(factor, 2)} times as far, and farther still where "
            "classes are missing from a small data set."
        ),
        (
            "Missing classes: the images of the other classes, as many; the classes left out are "
            "nested. Where the others have fewer than n images, they are repeated evenly. "
            "Repetition: n images of which only n / dose are different."
        ),
        (
            "Ceilings: a full-covariance Gaussian fitted to the images of train, and uniform noise, "
            "with the noise that the reports' baselines of these names are drawn from."
        ),
        (
            "The kernel distance is unbiased over draws of both sides and may fall below 0; against "
            "one fixed reference its floor is not exactly 0."
        ),
    ]
    return "\n".join(f"- {line}" for line in lines)


def _provenance(calibration: Calibration) -> str:
    rows = [
        ["images", join([f"{name} {count(n)}" for name, n in calibration.sizes.items()])],
        *([name, code(fact)] for name, fact in calibration.facts.items()),
    ]
    return (
        f"```\n{one_line(calibration.command)}\n```\n\n{table(['what', 'value'], rows, left=2)}\n\n"
        f"All numbers are in [{NUMBERS}]({NUMBERS}). The command measures nothing again while "
        "data, detectors, settings and version are the same; `--fresh` does."
    )
