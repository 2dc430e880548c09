"""Order statistics of a search: numbers in, numbers out."""

from __future__ import annotations

from collections.abc import Sequence


def expected_best(values: Sequence[float]) -> list[float]:
    """Expected lowest of k of these n values, drawn without replacement, for k = 1..n.

    Dodge et al. 2019 (arXiv 1909.03004), for a measure that is better when lower. They
    draw with replacement, which is biased where k nears n (Tang et al. 2020, arXiv 2004.13705);
    without, the i-th lowest is the lowest of k with probability C(n - i, k - 1) / C(n, k), and the
    mean is unbiased for every k up to n.
    """
    ordered = sorted(values)
    return [_expected(ordered, k) for k in range(1, len(ordered) + 1)]


def _expected(ordered: Sequence[float], k: int) -> float:
    n = len(ordered)
    probability, total = k / n, 0.0
    for i, value in enumerate(ordered[: n - k + 1], start=1):
        total += probability * value
        if i < n:
            probability *= (n - i - k + 1) / (n - i)
    return total


def best_so_far(values: Sequence[float | None]) -> list[float | None]:
    """The lowest value up to each place; None before the first value."""
    best: list[float | None] = []
    for value in values:
        known = [v for v in (*best[-1:], value) if v is not None]
        best.append(min(known) if known else None)
    return best
