"""The sanity checks on points of a known distribution, as they are defined.

Räisä, van Breugel and van der Schaar 2025, arXiv 2505.22450, with the numbers of the code that they
published (commit d30d874). Levels are fewer, and the largest
sets of the checks of size have 4 n points in the place of 10 n.
"""

from __future__ import annotations

from bench.exam import gaussians, modes, shapes
from bench.exam.checks import Check


def point_checks(n: int) -> tuple[Check, ...]:
    """Every check, with sets of n points where nothing else is said."""
    return (
        gaussians.mean_difference(n),
        gaussians.outlier(n),
        gaussians.pareto(n),
        gaussians.spread(n),
        modes.one_or_two_modes(n),
        modes.simultaneous_dropping(n),
        modes.sequential_dropping(n),
        modes.invention(n),
        shapes.sphere_surface(n),
        shapes.sphere_and_torus(n),
        shapes.size_of_both(n),
        shapes.size_of_fakes(n),
        gaussians.scaling(n),
        gaussians.disjoint_dimension(n),
        gaussians.rounding(n),
    )
