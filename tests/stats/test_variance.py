"""Interaction and variance split against hand computation and other formulas."""

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from bench.stats.variance import interaction, nested, seed_effect, split_spread


def test_interaction_is_the_balanced_example_computed_by_hand():
    # Cells (a1 b1) 1 3, (a1 b2) 4 6, (a2 b1) 5 7, (a2 b2) 2 4: means 2, 5, 6, 3, grand mean 4;
    # rows and columns 3.5, 4.5 and 4, 4; interaction 2 * 4 * 1.5^2 = 18, error 4 * 2 = 8, df 1, 4.
    y = [1, 3, 4, 6, 5, 7, 2, 4]
    found = interaction(y, list("aaaabbbb"), list("ccddccdd"))
    assert (found.df, found.df_rest) == (1, 4)
    assert found.f == pytest.approx(18 / (8 / 4))
    assert found.share == pytest.approx(18 / 26)
    assert found.p == pytest.approx(scipy_stats.f.sf(9, 1, 4))


def test_additive_cells_have_no_interaction_however_they_are_filled():
    a, b = list("aaabbbbb"), list("cddccddd")
    effect = {"a": 1.0, "b": 5.0, "c": 0.0, "d": 2.0}
    wobble = [0.0, 0.1, -0.1, 0.1, -0.1, 0.1, -0.1, 0.0]  # nothing on the mean of any cell
    y = [effect[i] + effect[j] + e for i, j, e in zip(a, b, wobble, strict=True)]
    found = interaction(y, a, b)
    assert found.f == pytest.approx(0, abs=1e-9)
    assert found.p == pytest.approx(1)


def test_interaction_of_two_times_two_is_the_t_test_of_its_contrast():
    rng = np.random.default_rng(1)
    sizes = {("a", "c"): 3, ("a", "d"): 5, ("b", "c"): 2, ("b", "d"): 4}
    cells = {cell: rng.normal(size=n) for cell, n in sizes.items()}
    y = np.concatenate(list(cells.values()))
    labels = [cell for cell, n in sizes.items() for _ in range(n)]
    contrast = sum(
        sign * values.mean() for sign, values in zip((1, -1, -1, 1), cells.values(), strict=True)
    )
    pooled = sum(((v - v.mean()) ** 2).sum() for v in cells.values()) / (14 - 4)
    t = contrast / math.sqrt(pooled * sum(1 / n for n in sizes.values()))
    found = interaction(y, [a for a, _ in labels], [b for _, b in labels])
    assert found.f == pytest.approx(t**2)  # unbalanced, so that sums of squares overlap
    assert found.p == pytest.approx(2 * scipy_stats.t.sf(abs(t), 10))


def test_empty_cell_costs_a_degree_of_freedom():
    y = [1.0, 2.0, 3.0, 5.0, 4.0, 4.5, 9.0, 7.0, 6.0, 1.0]
    a, b = list("aaaaaabbbb"), list("ccddeeccdd")
    found = interaction(y, a, b)
    assert (found.df, found.df_rest) == (1, 5)


@pytest.mark.parametrize(
    ("a", "b"), [("aaaa", "ccdd"), ("aabb", "cdcd"), ("aabb", "ccdd")], ids=str
)
def test_what_cannot_tell_an_interaction_has_none(a, b):
    assert interaction([1.0, 2.0, 3.0, 5.0], list(a), list(b)) is None


def test_interaction_is_found_by_chance_as_often_as_it_says():
    rng = np.random.default_rng(0)
    a = np.repeat([0, 1, 2], 15).tolist()
    b = np.tile(np.repeat(range(5), 3), 3).tolist()
    found = [interaction(rng.normal(np.add(a, b)), a, b).p < 0.05 for _ in range(1_000)]
    assert np.mean(found) == pytest.approx(0.05, abs=0.02)  # three standard errors


def test_spread_is_the_one_computed_by_hand():
    found = split_spread([1.0, 2.0, 3.0], [0.6, 0.6, 0.6])
    assert found.sd == 1
    assert found.sampling == pytest.approx(0.6)
    assert found.training == pytest.approx(0.8)
    uneven = split_spread([1.0, 2.0, 3.0], [0.1, 0.7])
    assert uneven.sampling == pytest.approx(math.sqrt((0.01 + 0.49) / 2))  # variances add up
    # Chi squared, 2 degrees of freedom, from a table: 7.378 and 0.0506.
    assert (found.low, found.high) == pytest.approx((math.sqrt(2 / 7.378), 6.285), rel=2e-3)


def test_spread_below_the_sampling_noise_leaves_nothing_for_training():
    found = split_spread([1.0, 1.1, 0.9], [0.5])
    assert found.training == 0
    assert found.is_all_sampling


def test_split_recovers_what_was_put_in():
    rng = np.random.default_rng(3)
    values = 50 + rng.normal(0, 3, 4_000) + rng.normal(0, 4, 4_000)
    found = split_spread(values, [4.0] * 4_000)
    assert found.sd == pytest.approx(5, rel=0.04)  # 3 standard errors: 3 / sqrt(2 n)
    assert found.training == pytest.approx(3, rel=0.1)
    assert found.low < 5 < found.high


@pytest.mark.parametrize(("values", "noise"), [([1.0], [1.0]), ([1.0, 2.0], []), ([1, 2], [1e999])])
def test_spread_without_numbers_is_refused(values, noise):
    with pytest.raises(ValueError, match="needs two finite values and their noise, got"):
        split_spread(values, noise)


def test_interaction_of_lost_runs_is_refused():
    with pytest.raises(ValueError, match="needs a finite value and two levels for each run"):
        interaction([1.0, math.inf], ["a", "b"], ["c", "d"])


def test_seed_effect_is_the_blocks_row_of_a_two_way_table():
    # Snedecor and Cochran's layout: rows are cells, columns seeds; computed by hand.
    found = seed_effect([[1.0, 2.0, 6.0], [2.0, 4.0, 6.0]])
    between, rest = 10.5, 0.5  # mean squares: 21 / 2 and 1 / 2
    assert found.f == pytest.approx(between / rest)
    assert found.share == pytest.approx((between - rest) / (between + rest))
    assert (found.cells, found.seeds) == (2, 3)


def test_seeds_that_share_nothing_have_no_share():
    rng = np.random.default_rng(1)
    shares = [seed_effect(rng.normal(size=(6, 3))).share for _ in range(200)]
    assert np.mean(shares) < 0.1
    assert min(shares) == 0
    same = [seed_effect(rng.normal(size=(1, 3)) + rng.normal(0, 0.1, (6, 3))) for _ in range(50)]
    assert np.median([found.share for found in same]) > 0.9


def test_one_cell_has_no_seed_effect():
    assert seed_effect([[1.0, 2.0, 3.0]]) is None
    assert seed_effect([]) is None


def two_way(share, rng):
    """Two factors, three seeds, all cells; the runs of a seed share ``share``."""
    a, b, seeds = (x.ravel().tolist() for x in np.meshgrid(range(2), range(3), range(3)))
    y = rng.normal(size=18) + share * np.array([5.0, -1.0, -4.0])[seeds]
    return y, a, b, seeds


def test_interaction_with_blocks_is_the_least_squares_fit_with_seeds_in_it():
    y, a, b, seeds = two_way(1.0, np.random.default_rng(2))
    found = interaction(y, a, b, seeds)

    def rest(*columns):
        design = np.column_stack([np.equal.outer(c, sorted(set(c))) for c in columns]).astype(float)
        fit, _, rank, _ = np.linalg.lstsq(design, y)
        return float(np.sum((y - design @ fit) ** 2)), rank

    cells = [i * 3 + j for i, j in zip(a, b, strict=True)]
    (main, rank_main), (full, rank_full) = rest(a, b, seeds), rest(cells, seeds)
    df, df_rest = rank_full - rank_main, 18 - rank_full
    assert (found.df, found.df_rest) == (df, df_rest) == (2, 10)
    assert found.f == pytest.approx((main - full) / df / (full / df_rest))


def test_what_seeds_share_does_not_hide_an_interaction():
    rng = np.random.default_rng(3)
    y, a, b, seeds = two_way(10.0, rng)
    y = y + 6.0 * (np.array(a) == 1) * (np.array(b) == 2)
    assert interaction(y, a, b).p > 0.5
    assert interaction(y, a, b, seeds).p < 0.01


def test_blocks_of_which_a_run_is_missing_stay_in_the_residual():
    y, a, b, seeds = (each[:-1] for each in two_way(1.0, np.random.default_rng(4)))
    assert interaction(y, a, b, seeds) == interaction(y, a, b)


def test_groups_of_one_cell_are_tested_as_by_one_way_analysis():
    groups = [[1.0, 2.0, 4.0], [3.0, 5.5], [2.5, 2.0, 2.25]]
    found, by_scipy = nested([groups]), scipy_stats.f_oneway(*groups)
    assert (found.df, found.df_rest, found.cells) == (2, 5, 1)
    assert found.f == pytest.approx(by_scipy.statistic, rel=1e-12)
    assert found.p == pytest.approx(by_scipy.pvalue, rel=1e-12)


def test_levels_of_cells_do_not_count_and_groups_within_them_do():
    # By hand: 4 x 1 between, on 2 degrees of freedom; 4 x 0.5 within, on 4.
    apart = [[[0.0, 1.0], [2.0, 3.0]], [[100.0, 101.0], [102.0, 103.0]]]
    found = nested(apart)
    assert (found.f, found.df, found.df_rest) == (pytest.approx(8.0), 2, 4)
    assert nested([[[0.0, 1.0], [0.0, 1.0]], [[9.0, 8.0], [8.0, 9.0]]]).f == pytest.approx(0.0)


@pytest.mark.parametrize(
    "cells", [[], [[[1.0, 2.0]]], [[[1.0], [2.0]]], [[[1.0, 1.0], [2.0, 2.0]]]]
)
def test_groups_that_are_one_or_do_not_vary_are_not_tested(cells):
    assert nested(cells) is None
