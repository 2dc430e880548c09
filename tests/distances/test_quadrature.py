"""Integrals over a plane against closed forms."""

import math

import pytest
import torch

from bench.distances.gaussians import standard_log_prob
from bench.distances.quadrature import Narrow, log_integral

NOWHERE = Narrow(torch.zeros(2, dtype=torch.float64), math.inf)


def gaussian(mean, sd):
    """log N(z; mean, sd^2 I)."""

    def log_f(z):
        return standard_log_prob((z - torch.tensor(mean)) / sd) - 2 * math.log(sd)

    return log_f


def found(log_f, narrow=NOWHERE, tolerance=1e-7):
    counted = []

    def counting(z):
        counted.append(len(z))
        return log_f(z)

    whole = log_integral(counting, half_width=8.0, tolerance=tolerance, narrow=narrow)
    return whole, sum(counted)


@pytest.mark.parametrize("sd", [1.0, 0.1, 0.01, 1e-3, 1e-4])
@pytest.mark.parametrize("mean", [(0.0, 0.0), (1.2345, -2.3456)])
def test_density_of_any_width_is_one_of_few_points(mean, sd):
    whole, points = found(gaussian(mean, sd))
    assert whole.log == pytest.approx(0, abs=1e-7)
    assert whole.gap <= 1e-7
    assert points < 100_000


def test_correlated_gaussian_has_its_closed_form():
    a = torch.tensor([[40.0, 39.0], [39.0, 40.0]], dtype=torch.float64)
    whole, _ = found(lambda z: -0.5 * torch.einsum("mi,ij,mj->m", z, a, z))
    assert whole.log == pytest.approx(math.log(2 * math.pi) - 0.5 * math.log(79), abs=1e-7)


def test_both_of_two_narrow_modes_count():
    left, right = gaussian((-3.01, 0.7), 0.003), gaussian((1.33, 2.9), 0.01)

    def both(z):
        return torch.logaddexp(left(z) + math.log(0.2), right(z) + math.log(0.8))

    assert found(both)[0].log == pytest.approx(0, abs=1e-7)


def test_square_grows_until_it_holds_everything():
    assert found(gaussian((30.0, 0.0), 2.0))[0].log == pytest.approx(0, abs=1e-6)


def test_what_does_not_fall_off_is_refused():
    with pytest.raises(ArithmeticError, match="no square around 0 with a side of 512 holds it all"):
        found(lambda z: torch.zeros(len(z), dtype=torch.float64))


def test_peak_between_all_nodes_is_found_where_it_is_said_to_be():
    """A needle on a plain that shows nothing of it."""
    place, sd = torch.tensor([0.4321, -0.8765], dtype=torch.float64), 1e-3

    def needle(z):
        plain = standard_log_prob(z)
        return torch.logaddexp(plain, gaussian(place.tolist(), sd)(z))

    assert found(needle)[0].log == pytest.approx(0, abs=1e-7)
    told, _ = found(needle, Narrow(place, 4 * sd))
    assert told.log == pytest.approx(math.log(2), abs=1e-7)


def test_gap_tells_what_a_rough_function_leaves():
    """A step along a slanted line: half of the mass is behind it."""

    def half(z):
        return standard_log_prob(z) + torch.where(z[:, 0] + 0.3 * z[:, 1] > 0, 0.0, -1e4)

    whole, _ = found(half, tolerance=1e-2)
    assert abs(whole.log - math.log(0.5)) < whole.gap <= 1e-2
