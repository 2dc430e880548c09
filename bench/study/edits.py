"""What a study file says now and did not say when its runs were made."""

from __future__ import annotations

from bench.errors import Damaged
from bench.files import read_record, set_aside, write_record
from bench.plan.study import Study
from bench.study.plan import StudyPlan

FILE = "study.json"
MOST = 4

Said = dict[str, dict[str, str]]
"""By arm, or ``the study``: what it says, key to text."""

STUDY, EVERY = "the study", "every arm"


def edits(plan: StudyPlan) -> str:
    """What differs from the file that was run before in this folder, as one sentence; empty if nothing.

    The file as it is now is what the next call compares with.
    """
    now, then = _said(plan.study, plan.identity.tier), _former(plan)
    if now != then:
        write_record(plan.folder / FILE, now, kind="study", key=plan.identity.key)
    found = _differences(then, now) if then else []
    if not found:
        return ""
    more = f", and {len(found) - MOST} more" if len(found) > MOST else ""
    return (
        f"the study file says otherwise than before: {'; '.join(found[:MOST])}{more}; runs that it "
        "no longer asks for stay as they are"
    )


def _former(plan: StudyPlan) -> Said:
    path = plan.folder / FILE
    try:
        return dict(read_record(path, kind="study", key=plan.identity.key) or {})
    except Damaged as damage:
        set_aside(path, damage)
        return {}


def _said(study: Study, tier: str) -> Said:
    size = study.tier(tier)
    whole = {
        "question": study.question,
        "seeds": str(size.seeds),
        "baselines": ", ".join(study.baselines) or "none",
        "hold_parameters": str(study.hold_parameters),
        "trials": str(size.trials or (study.search.trials if study.search else None)),
    }
    found = {STUDY: whole}
    for arm in study.arms:
        settings = {**size.settings, **arm.settings, **size.arms.get(arm.name, {})}
        factors = {**study.factors, **arm.factors}
        found[arm.name] = {
            "model": arm.model,
            **{key: str(value) for key, value in settings.items()},
            **{key: ", ".join(map(str, values)) for key, values in factors.items()},
            **{key: str(space) for key, space in study.spaces.get(arm.name, {}).items()},
        }
    return found


def _differences(then: Said, now: Said) -> list[str]:
    """``every arm: train.num_images 3000 -> 6000``, ``gan is new``."""
    changed: dict[str, list[str]] = {}
    for name in now.keys() & then.keys():
        for key in sorted(then[name].keys() | now[name].keys()):
            old, new = then[name].get(key, "default"), now[name].get(key, "default")
            if old != new:
                changed.setdefault(f"{key} {old} -> {new}", []).append(name)
    shared = len((now.keys() & then.keys()) - {STUDY})
    found = [
        f"{EVERY if len(names) == shared > 1 else ', '.join(sorted(names))}: {what}"
        for what, names in changed.items()
    ]
    found += [f"{name} is new" for name in now if name not in then]
    return sorted(found) + [f"{name} is gone" for name in then if name not in now]
