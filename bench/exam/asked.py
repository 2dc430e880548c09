"""What several checks ask alike.

Räisä, van Breugel and van der Schaar 2025, arXiv 2505.22450: the criteria of the code that they
published (commit d30d874) for fidelity and diversity; what is asked of both at once is ours.
"""

from __future__ import annotations

from bench.exam.checks import Asked, of_all
from bench.exam.criteria import bell, falls, level, near, rises

EXTREMES = (
    of_all("bounds", "first extreme", near(0, "first"), at_a_bound=True),
    of_all("bounds", "last extreme", near(0, "last"), at_a_bound=True),
)

IDENTICAL_AT_0 = of_all("bounds", "identical", near(1, 0.0))

MOVED = (IDENTICAL_AT_0, *EXTREMES, of_all("purpose", "shape", bell(0.0)))
"""Asked where samples move away from real data on either side."""


def dropped(by: float) -> tuple[Asked, ...]:
    """Asked where samples lose modes: fidelity stays, diversity falls."""
    return (
        of_all("bounds", "identical", near(1, "first")),
        Asked(desideratum="bounds", name="most dropped", fidelity=near(1, "last")),
        Asked(
            desideratum="purpose",
            name="shape",
            fidelity=level(),
            diversity=falls(by=by),
            both=falls(by=by),
        ),
    )


def invents(known: int) -> tuple[Asked, ...]:
    """Asked where samples have one mode, then two, ... and real data the first ``known``."""
    return (
        of_all("bounds", "identical", near(1, known)),
        Asked(desideratum="bounds", name="most dropped", fidelity=near(1, "first")),
        Asked(desideratum="bounds", name="most invented", diversity=near(1, "last")),
        Asked(
            desideratum="purpose",
            name="shape",
            fidelity=falls(),
            diversity=rises(),
            both=bell(known),
        ),
    )


SCALES = (
    of_all("invariance", "shape", level()),
    *EXTREMES,
)
"""Asked where the sets are disjoint in one dimension and another one is scaled in both."""


def shared(share: float) -> Asked:
    """What precision and recall must be of two uniform distributions that overlap by a share."""
    wanted = near(share, "last")
    return Asked(desideratum="purpose", name="overlap", fidelity=wanted, diversity=wanted)
