"""``bench run --until decided``: seeds in batches, until every declared comparison is decided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bench.cli.options import Say
from bench.errors import UsageError
from bench.plan.study import DISTANCE
from bench.records import LOOKS
from bench.report.sections.comparisons import excluded
from bench.results.decisions import Comparison, comparisons
from bench.results.format import bare_p
from bench.results.tracked import tracked_results
from bench.study.plan import StudyPlan

if TYPE_CHECKING:
    from bench.study.driver import Driver


def run_until_decided(
    plan: StudyPlan, run: Callable[..., dict[str, Any]], *, fresh: bool, uri: str | None, say: Say
) -> dict[str, Any]:
    """Runs the study to its next look, until nothing is left to be decided or no look is left."""
    summary: dict[str, Any] = {}
    for number, look in enumerate(plan.looks, start=1):
        summary = run(replace(plan, compared=look), fresh=fresh and number == 1)
        found = _compared(plan, uri)
        say(f"look {number} of {len(plan.looks)} at most, {look} seeds of what is compared:")
        for comparison in found:
            say(f"  {decision(comparison)}")
        if all(comparison.is_decided for comparison in found):
            break
    decided = [c.is_decided for c in found]
    return summary | {"seeds": look, "decided": sum(decided), "undecided": decided.count(False)}


def require_same_looks(driver: Driver) -> None:
    """A study is looked at as it was declared before the first look.

    Raises:
        UsageError: Other looks were declared.
    """
    tracked = driver.tracked
    known = tracked.patiently(lambda: tracked.store.experiment_tags(tracked.experiment_id))
    asked = ",".join(map(str, driver.plan.looks))
    if known.get(LOOKS, asked) != asked:
        most = known[LOOKS].rpartition(",")[2]
        raise UsageError(
            f"this study was begun with --max-seeds {most}, for which its tests are corrected, and "
            f"cannot go on with {driver.plan.looks[-1]}: use --max-seeds {most}, or --fresh to begin anew"
        )


def decision(comparison: Comparison) -> str:
    """``vae and gan: gan is better (p = 0.003)``, in one line."""
    measure = comparison.pair.planned.measure
    pair = f"{comparison.a} and {comparison.b}" + (f" by {measure}" if measure != DISTANCE else "")
    p = "not compared yet" if comparison.p is None else f"p {bare_p(comparison.p)}"
    if comparison.winner:
        return f"{pair}: {comparison.winner} is better ({p})"
    if comparison.is_decided and comparison.excludes is None:
        return f"{pair}: they differ by less than the floor's spread ({p})"
    if comparison.excludes is not None:
        return f"{pair}: no difference {excluded(comparison)} or more ({p})"
    return f"{pair}: not decided ({p})"


def _compared(plan: StudyPlan, uri: str | None) -> list[Comparison]:
    from bench.tracking.mlflow import Store

    store = Store(uri)
    found = tracked_results(store, plan.identity, store.experiment(plan.identity.key))
    return comparisons(found)
