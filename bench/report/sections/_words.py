"""What a test says, in the words that sections share."""

from __future__ import annotations

from bench.results.decisions import POWER
from bench.results.format import size
from bench.stats.tests import Difference

NOT_APART = "not told apart at this number of seeds"


def would_show(d: Difference, least: float) -> str:
    """The smallest difference, or ratio, that so many seeds would have shown, in words."""
    often = f"in {POWER * 100:.0f} of 100 such studies"
    if least > d.most:
        return f"no difference within the measure's range would have been found reliably ({often})"
    return f"{size(d, least)} would have been found {often}"
