"""The test of PQMass: a table by hand, its level where nothing differs, and what it sees."""

import pytest
import torch
from scipy.stats import chi2

from bench.distances.mass import cell_test, mass_test
from bench.runtime import generator


def normal(n, d, *purpose):
    return torch.randn(n, d, generator=generator("mass", *purpose), dtype=torch.float64)


def test_counts_around_two_centres_by_hand():
    # Around 0 are 3 real and 1 fake, around 10 one real and 3 fakes, each expected twice:
    # chi^2 = 4 * (1 / 2) = 2 of one degree of freedom.
    points = torch.tensor([0, 10, 0, 1, -1, 2, 9, 9, 11, 12], dtype=torch.float64)[:, None]
    is_real = torch.tensor([1, 0, 1, 1, 1, 0, 1, 0, 0, 0], dtype=torch.bool)
    found = cell_test(points, is_real, 2)
    assert found.chi2 == pytest.approx(2, abs=1e-12)
    assert found.p == pytest.approx(chi2.sf(2, 1), abs=1e-12)
    # A third centre that nothing is near changes neither.
    further = torch.cat([points[:2], torch.tensor([[1e6]]).double(), points[2:]])
    real = torch.cat([is_real[:2], torch.tensor([True]), is_real[2:]])
    assert cell_test(further, real, 3) == pytest.approx(found, abs=1e-12)


def test_sets_of_one_law_are_rarely_told_apart_and_have_a_chi_squared_of_one():
    found = [mass_test(normal(300, 3, "a", i), normal(300, 3, "b", i), 20) for i in range(15)]
    # Of 15 tests at 5 % four or more are below in 0.5 %; p is of twice the median, which is rarer.
    assert sum(test.p < 0.05 for test in found) < 4
    mean = sum(test.chi2 for test in found) / 15
    assert mean == pytest.approx(
        1, abs=0.33
    )  # four times sqrt(2 / 19 / 15), as if of one tessellation


def test_a_shift_by_half_a_deviation_is_seen_and_the_same_call_gives_the_same():
    real, fake = normal(500, 3, "real"), normal(500, 3, "fake") + 0.5
    found = mass_test(real, fake)
    assert found.p < 1e-3
    assert found.chi2 > 1.5
    assert mass_test(real, fake) == found
    assert mass_test(real, fake, rng=generator("other")) != found


def test_points_that_are_all_one_are_not_told_apart():
    found = mass_test(torch.ones(300, 2), torch.ones(300, 2))
    assert found == (1, 0)


def test_too_few_points_for_the_cells_are_refused():
    with pytest.raises(ValueError, match="100 cells need 500 points, got 400"):
        mass_test(normal(200, 2), normal(200, 2))
