"""How many of the checks on points the measures of the paper pass, by its authors' own results."""

from __future__ import annotations

from typing import NamedTuple


class Passed(NamedTuple):
    """What a measure passes.

    Attributes:
        purposes: Of the rows of purpose.
        rows: Of all rows, a row being a check and a desideratum.
    """

    purposes: int
    rows: int


PURPOSES, ROWS = 14, 30

SOURCE = (
    "`plotting/print_pass_fail_tables.ipynb` of "
    "https://github.com/vanderschaarlab/position-fidelity-diversity-metrics-flawed, commit d30d874"
)

PAIRS: dict[tuple[str, str], tuple[Passed, Passed]] = {
    ("I-Prec", "I-Rec"): (Passed(8, 11), Passed(5, 9)),
    ("Density", "Coverage"): (Passed(8, 18), Passed(5, 13)),
    ("IAP", "IBR"): (Passed(6, 11), Passed(5, 9)),
    ("C-Prec", "C-Rec"): (Passed(4, 10), Passed(4, 13)),
    ("symPrec", "symRec"): (Passed(5, 10), Passed(5, 9)),
    ("P-Prec", "P-Rec"): (Passed(9, 13), Passed(7, 10)),
}
"""Fidelity and diversity, by the names of the paper's tables 3 and 4."""
