"""Intervals, tests and corrections of the protocol (rules 20 and 21): numbers in, numbers out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench.measures import Scale, centre

SEEDS_FOR_INTERVAL = 3
"""Below this many seeds a mean stands without an interval and nothing is compared."""

LEVEL = 0.95

RANGES: dict[Scale, tuple[float, float]] = {
    "plain": (-math.inf, math.inf),
    "log": (0.0, math.inf),
    "share": (0.0, 1.0),
    "count": (0.0, math.inf),
    "score": (1.0, math.inf),
}
"""What no end of an interval leaves."""


@dataclass(frozen=True)
class Interval:
    """A mean over seeds.

    Attributes:
        mean: The mean, geometric on a log scale.
        low: Lower end of the Student t interval on the measure's scale, None below three seeds.
        high: Upper end, None below three seeds.
        n: Number of seeds.
    """

    mean: float
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True)
class Difference:
    """Two groups compared by a t test.

    Attributes:
        difference: Mean of the first minus mean of the second; of logarithms where ``is_ratio``.
        low: Lower end of its interval.
        high: Upper end.
        p: Two-sided, not corrected.
        standard_error: Of the difference.
        df: Degrees of freedom.
        is_ratio: Whether it is the logarithm of the ratio of geometric means.
        most: What the difference of two means cannot exceed, in either direction.
    """

    difference: float
    low: float
    high: float
    p: float
    standard_error: float
    df: float
    is_ratio: bool = False
    most: float = math.inf

    def at(self, level: float) -> Difference:
        """The same with its interval at another level."""
        half = t_quantile((1 + level) / 2, self.df) * self.standard_error
        low, high = self.difference - half, self.difference + half
        return replace(self, low=max(low, -self.most), high=min(high, self.most))

    def __neg__(self) -> Difference:
        """The second against the first."""
        return replace(self, difference=-self.difference, low=-self.high, high=-self.low)


def t_quantile(share: float, df: float) -> float:
    """Of Student's t; as scipy.stats has it, whose import takes a second."""
    from scipy.special import stdtrit

    return float(stdtrit(df, share))


def t_tail(t: float, df: float) -> float:
    """How much of Student's t lies above; as scipy.stats has it."""
    from scipy.special import stdtr

    return float(stdtr(df, -t))


def t_interval(values: Sequence[float], scale: Scale = "plain", level: float = LEVEL) -> Interval:
    """The mean with its Student t interval, which stays where the measure lives.

    On a log scale it is that of the geometric mean, unless a value has no logarithm. That of a share
    is computed for the logit of the mean, its error by the delta method (as for a proportion: Agresti
    2013, section 3.1): the mean stays the plain one, and runs at 0 or 1 need no correction.

    Raises:
        ValueError: No value, or one that is not finite.
    """
    x = _checked(values, at_least=1)
    mean, n = centre(x.tolist(), scale), len(x)
    if n < SEEDS_FOR_INTERVAL:
        return Interval(mean, None, None, n)
    is_log = scale == "log" and x.min() > 0
    half = t_quantile((1 + level) / 2, n - 1) * _error(np.log(x) if is_log else x)
    if is_log:
        low, high = mean * math.exp(-half), mean * math.exp(half)
    elif scale == "share" and 0 < mean < 1:
        logit, part = math.log(mean / (1 - mean)), half / (mean * (1 - mean))
        low, high = (1 / (1 + math.exp(-end)) for end in (logit - part, logit + part))
    else:
        low, high = mean - half, mean + half
    least, most = RANGES[scale]
    return Interval(mean, max(low, least), min(high, most), n)


def _error(x: NDArray[np.float64]) -> float:
    """Standard error of the mean."""
    return float(x.std(ddof=1)) / math.sqrt(len(x))


def welch(
    a: Sequence[float], b: Sequence[float], scale: Scale = "plain", level: float = LEVEL
) -> Difference:
    """``a`` against ``b``, with Welch's interval and two-sided p (Welch 1947).

    On a log scale their ratio, unless a value has no logarithm. Two groups without any spread have no
    t value: their p is 1 where the means agree and the limit 0 where they do not.

    Raises:
        ValueError: A group below two values, or a value that is not finite.
    """
    x, y, is_ratio = _on_scale(a, b, scale)
    parts = _error(x) ** 2, _error(y) ** 2
    shares = [part / sum(parts) if sum(parts) else 0.5 for part in parts]
    df = 1 / (shares[0] ** 2 / (len(x) - 1) + shares[1] ** 2 / (len(y) - 1))
    found = _tested(float(x.mean() - y.mean()), math.sqrt(sum(parts)), df)
    return replace(found, is_ratio=is_ratio, most=_most(scale)).at(level)


def paired(
    a: Sequence[float], b: Sequence[float], scale: Scale = "plain", level: float = LEVEL
) -> Difference:
    """``a`` against ``b`` where the runs at one place share their seed: Student's paired t test.

    Raises:
        ValueError: Lengths differ, below two values, or a value that is not finite.
    """
    x, y, is_ratio = _on_scale(a, b, scale)
    if len(x) != len(y):
        raise ValueError(f"pairs need equally many values, got {len(x)} and {len(y)}")
    return replace(one_sample(x - y, is_ratio=is_ratio), most=_most(scale)).at(level)


def one_sample(values: Sequence[float] | NDArray[np.float64], *, is_ratio: bool) -> Difference:
    """The mean of the values against 0, by Student's t test, with its 95 % interval.

    Raises:
        ValueError: Fewer than two values, or one that is not finite.
    """
    x = _checked(values, at_least=2)
    found = _tested(float(x.mean()), _error(x), len(x) - 1)
    return replace(found, is_ratio=is_ratio).at(LEVEL)


def _on_scale(
    a: Sequence[float], b: Sequence[float], scale: Scale
) -> tuple[NDArray[np.float64], NDArray[np.float64], bool]:
    """Both groups, as logarithms where all of them have one on a log scale."""
    x, y = _checked(a, at_least=2), _checked(b, at_least=2)
    is_log = scale == "log" and min(x.min(), y.min()) > 0
    return (np.log(x), np.log(y), True) if is_log else (x, y, False)


def _most(scale: Scale) -> float:
    low, high = RANGES[scale]
    return high - low


def _tested(difference: float, error: float, df: float) -> Difference:
    """Its two-sided p; the interval is still to come."""
    p = float(difference == 0) if error == 0 else 2 * t_tail(abs(difference) / error, df)
    return Difference(difference, difference, difference, p, error, df)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction (Holm 1979), in the order given.

    Raises:
        ValueError: A p outside 0..1.
    """
    if any(not 0 <= p <= 1 for p in p_values):
        raise ValueError(f"p values must be in 0..1, got {list(p_values)}")
    p = np.asarray(p_values, dtype=np.float64)
    order = p.argsort(kind="stable")
    steps = np.minimum(1.0, np.arange(len(p), 0, -1) * p[order])
    p[order] = np.maximum.accumulate(steps)
    return [float(adjusted) for adjusted in p]


def step_level(p_values: Sequence[float], i: int, alpha: float = 0.05) -> float:
    """The level of the interval that holds no difference just where Holm's p of ``i`` is not below.

    Holm's correction rejects in steps, the smallest p at alpha over the number of tests, and stops at
    the first that it keeps: a test's level is that of its step, or of the step that stopped.
    """
    steps = sorted(p_values)
    passed = next((k for k, p in enumerate(steps) if p >= alpha / (len(steps) - k)), len(steps))
    return 1 - alpha / (len(steps) - min(steps.index(p_values[i]), passed, len(steps) - 1))


def detectable(difference: Difference, *, power: float = 0.8, alpha: float = 0.05) -> float:
    """The smallest true difference that this comparison finds with probability ``power``.

    From the noncentral t distribution with the standard error and degrees of freedom seen.
    """
    from scipy import optimize, stats

    critical = t_quantile(1 - alpha / 2, difference.df)

    def shortfall(noncentrality: float) -> float:
        # The other tail adds less than 1e-6 here, and scipy's is not always finite.
        return float(stats.nct.sf(critical, difference.df, noncentrality)) - power

    upper = critical
    while shortfall(upper) < 0:
        upper *= 2
    return float(optimize.brentq(shortfall, 0, upper)) * difference.standard_error


def _checked(
    values: Sequence[float] | NDArray[np.float64], *, at_least: int
) -> NDArray[np.float64]:
    x = np.asarray(values, dtype=np.float64)
    if len(x) < at_least:
        raise ValueError(f"needs at least {at_least} values, got {len(x)}: add seeds")
    if not np.isfinite(x).all():
        raise ValueError(
            f"values must be finite, got {x.tolist()}: leave out diverged runs and count them"
        )
    return x
