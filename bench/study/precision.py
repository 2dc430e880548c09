"""The one precision of a study that leaves it to the machine: decided before its first run."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from bench.config import UNSAID, RunConfig
from bench.plan.space import middle
from bench.study.plan import StudyPlan
from bench.tracking.entries import header_of
from bench.training.precision import COMPARED, Decision, begun_in, decide, decided

FILE = "precision.json"
"""In the study's folder."""


def with_precision(
    plan: StudyPlan, *, keep: bool, require: Callable[[StudyPlan], object]
) -> tuple[StudyPlan, Decision | None]:
    """The plan with what ``auto`` comes to for all its runs alike, and why; None where none asks.

    Args:
        plan: Of the study.
        keep: Whether the study's folder is to say it, for every later call.
        require: Refuses what cannot run, before it is timed.
    """
    asking = {a: c for a, c in _of_each_arm(plan).items() if c.train.precision == "auto"}
    if not asking:
        return plan, None

    def find() -> Decision:
        if begun := _begun(plan, asking):
            return begun
        require(replace(plan, precision="fp32"))
        return decide([*asking.values()], plan.device)

    decision = decided(plan.folder / FILE, plan.identity.key, find, keep=keep)
    return replace(plan, precision=decision.precision), decision


def _of_each_arm(plan: StudyPlan) -> dict[str, RunConfig]:
    """One configuration of each, in the middle of its space or its grid."""
    if plan.study.search:
        return {arm: plan.trial(arm, 0, middle(s)).config for arm, s in plan.study.spaces.items()}
    cells = plan.study.cells(plan.identity.tier)
    of_arms = {arm.name: [c for c in cells if c.arm == arm.name] for arm in plan.study.arms}
    return {a: plan.configured(some[len(some) // 2], 0) for a, some in of_arms.items()}


def _begun(plan: StudyPlan, arms: Collection[str]) -> Decision | None:
    """What runs of these arms were begun with, where the file that said it is gone or damaged."""
    headers = map(header_of, sorted(plan.folder.glob("*/")))
    texts = (
        {**UNSAID, **each.about.params}["train.precision"]
        for each in headers
        if each and each.about.tags.get("family") in arms
    )
    return next((begun_in(p) for text in texts for p in COMPARED if p == text), None)
