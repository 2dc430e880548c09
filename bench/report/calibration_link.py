"""Where a reader sees how far a report's distances can be trusted: the data set's card."""

from __future__ import annotations

import shlex
from pathlib import Path

from bench.config import dataset_slug
from bench.results.results import Results

README = "README.md"


def card_folder(dataset: str) -> str:
    """Name of the folder of a data set's card, beside the reports."""
    return f"calibration_{dataset_slug(dataset)}"


def calibration_link(results: Results, out: Path | None) -> str:
    """A link to the card beside the report in ``out``, or the command that makes one."""
    dataset = results.identity.dataset
    card = Path("..") / card_folder(dataset) / README
    said = (
        f"How far these distances can be trusted on {dataset}, how they answer to damage and to n"
    )
    if out is not None and (out.absolute() / card).is_file():
        return f"{said}: [the calibration card]({card.as_posix()})."
    return f"{said}: no calibration card lies beside this report, `{_command(dataset)}` makes it."


def _command(dataset: str) -> str:
    return shlex.join(["bench", "calibrate", dataset])
