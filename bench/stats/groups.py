"""Two groups of runs compared run by run: permutation test, probability of improvement.

Runs that diverged or failed take part as infinities: worse than any value (protocol rule 3).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

SEEDS_FOR_BOOTSTRAP = 10
"""A bootstrap over fewer seeds is too narrow to be shown (protocol rule 20)."""

MOST_SPLITS = 20_000
"""More splits than this (from 9 + 8 runs on) are drawn and not enumerated."""

_DRAWS, _AT_ONCE = 9_999, 101
_RESAMPLES = 2_000
_SLACK = 1e-9
"""Sums that differ by less than this share of their largest value are equal but for rounding."""


@dataclass(frozen=True)
class Permutation:
    """A permutation test of two groups.

    Attributes:
        p: Two-sided, not corrected: twice the smaller of the one-sided ones.
        is_exact: Whether every split was counted; else 9,999 random ones, always the same.
        is_of_ranks: Whether rank sums were compared, because a run has no value.
    """

    p: float
    is_exact: bool
    is_of_ranks: bool


@dataclass(frozen=True)
class Improvement:
    """How often a run of the first group is better than one of the second.

    Attributes:
        probability: Over all pairs, ties counted half.
        low: Lower end of an approximate 95 % interval; None below ten seeds a group, and where
            the probability is 0 or 1: resampling cannot leave those.
        high: Upper end.
    """

    probability: float
    low: float | None
    high: float | None


def smallest_p(n: int, m: int) -> float:
    """The smallest two-sided p that ``n`` against ``m`` runs can reach: 0.10 at 3 + 3."""
    return min(1.0, 2 / math.comb(n + m, n))


def permutation_test(a: Sequence[float], b: Sequence[float]) -> Permutation:
    """Two-sided test of equal distributions by all splits of the pooled runs (Fisher 1935).

    Compares means; where a run was lost (infinite) there is no mean, and rank sums are compared
    (Wilcoxon 1945), lost runs tied behind all others.

    Raises:
        ValueError: A group is empty, or a value is not a number.
    """
    from scipy import stats

    x = _pooled(a, b)
    is_of_ranks = not np.isfinite(x).all()
    scores = stats.rankdata(x) if is_of_ranks else x
    # The mean of the first group rises with its sum; centred, so that rounding stays small.
    scores = scores - scores.mean()
    is_exact = math.comb(len(x), len(a)) <= MOST_SPLITS
    sums = (_all_sums if is_exact else _drawn_sums)(scores, len(a))
    seen, slack = scores[: len(a)].sum(), _SLACK * np.abs(scores).sum()
    lower, upper = np.mean(sums <= seen + slack), np.mean(sums >= seen - slack)
    return Permutation(min(1.0, float(2 * min(lower, upper))), is_exact, is_of_ranks)


def smallest_sign_flip_p(n: int) -> float:
    """The smallest two-sided p that ``n`` pairs can reach: 0.25 at 3, 0.031 at 6."""
    return 2.0 ** (1 - n)


def sign_flip_test(differences: Sequence[float]) -> Permutation:
    """Two-sided test of pairs that differ in no direction, by all signs (Fisher 1935, section 21).

    Raises:
        ValueError: No difference, or one that is not finite.
    """
    x = np.asarray(differences, dtype=np.float64)
    if not len(x) or not np.isfinite(x).all():
        raise ValueError(f"needs finite differences, got {list(differences)}")
    is_exact = 2 ** len(x) <= MOST_SPLITS
    signs = _signs(len(x)) if is_exact else _drawn_signs(len(x))
    seen, slack = abs(x.sum()), _SLACK * np.abs(x).sum()
    return Permutation(float(np.mean(np.abs(signs @ x) >= seen - slack)), is_exact, False)


def improvement(a: Sequence[float], b: Sequence[float]) -> Improvement:
    """P(a run of ``a`` is lower than one of ``b``) with a bootstrap interval over seeds.

    The Mann-Whitney statistic over the number of pairs (Agarwal et al. 2021, arXiv 2108.13264).

    Raises:
        ValueError: A group is empty, or a value is not a number.
    """
    x = _pooled(a, b)
    first, second = x[: len(a), None], x[None, len(a) :]
    wins = (first < second) + 0.5 * (first == second)
    probability = float(wins.mean())
    if min(len(a), len(b)) < SEEDS_FOR_BOOTSTRAP or probability in {0.0, 1.0}:
        return Improvement(probability, None, None)
    rng = np.random.default_rng(0)
    # How often each run is drawn, as a share: both groups are drawn anew, each on its own.
    rows, columns = (
        rng.multinomial(n, np.full(n, 1 / n), size=_RESAMPLES) / n for n in (len(a), len(b))
    )
    resampled = ((rows @ wins) * columns).sum(axis=1)
    low, high = np.quantile(resampled, [0.025, 0.975])
    return Improvement(probability, float(low), float(high))


def _pooled(a: Sequence[float], b: Sequence[float]) -> NDArray[np.float64]:
    x = np.asarray([*a, *b], dtype=np.float64)
    if not len(a) or not len(b) or np.isnan(x).any():
        raise ValueError(f"needs two groups of numbers, got {list(a)} and {list(b)}")
    return x


def _all_sums(scores: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    return np.asarray(scores[_splits(len(scores), n)].sum(axis=1))


@cache
def _splits(total: int, n: int) -> NDArray[np.intp]:
    """Every choice of ``n`` of ``total`` places, one per row."""
    return np.array(list(itertools.combinations(range(total), n)), dtype=np.intp)


def _signs(n: int) -> NDArray[np.float64]:
    return np.array(list(itertools.product((-1.0, 1.0), repeat=n)))


def _drawn_signs(n: int) -> NDArray[np.float64]:
    """Random signs, and those seen."""
    drawn = np.random.default_rng(0).choice((-1.0, 1.0), size=(_DRAWS, n))
    return np.vstack([drawn, np.ones(n)])


def _drawn_sums(scores: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Sums of random splits, and of the one seen: p is never 0 (Phipson and Smyth 2010)."""
    rng, rows = np.random.default_rng(0), np.tile(scores, (_AT_ONCE, 1))
    drawn = [rng.permuted(rows, axis=1)[:, :n].sum(axis=1) for _ in range(_DRAWS // _AT_ONCE)]
    return np.concatenate([*drawn, [scores[:n].sum()]])
