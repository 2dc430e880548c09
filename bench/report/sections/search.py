"""What a search found, beside what was known before it, on fresh seeds."""

from __future__ import annotations

from collections.abc import Sequence

from bench.plan.space import FOUND, KNOWN
from bench.report.sections import section
from bench.report.sections._columns import distance, noted
from bench.results.format import (
    MISSING,
    code,
    effect,
    join,
    measured,
    plural,
    prose,
    shown,
    table,
)
from bench.results.results import Results, short
from bench.results.runs import CellRuns
from bench.results.trials import (
    TRIALS_FOR_IMPORTANCE,
    Chosen,
    Trial,
    chosen_of,
    finalists_of,
    importance,
    search_measure,
    trials_of,
)


@section("What the search found", after="Every cell", level=3)
def search(results: Results) -> str:
    """Each arm's settings, found and known, with their distances; then what is to be said of them."""
    every = chosen_of(results)
    if not every:
        return ""
    header = [
        "family",
        "settings",
        "searched settings",
        f"validation {code(results.selection_metric_name)} ↓",
        f"test {code(results.test_metric_name)} ↓",
        "found : known",
    ]
    rows = [row for one in every for row in _rows(results, one)]
    edges = [_edges(one) for one in every if one.edges]
    said = [_stages(results), *lost(results), *edges, _unknown_importance(results)]
    return noted(table(header, rows, left=3), " ".join(filter(None, said)))


def lost(results: Results) -> list[str]:
    """Of which families the search found nothing better than what was known, a sentence each kind."""
    with_known = [one for one in chosen_of(results) if one.known]
    same = [one.arm for one in with_known if one.found is None]
    said = []
    if same:
        said.append(
            f"For {_named(same)} the search found nothing better than the settings known before it."
        )
    unproved = [one for one in with_known if one.found is not None and not _is_better(one)]
    if unproved:
        each = join([f"{code(one.arm)} ({_against(one)})" for one in unproved])
        said.append(
            f"On fresh seeds what the search found is not shown to be better than the settings known "
            f"before it for {each}."
        )
    return said


def _is_better(one: Chosen) -> bool:
    """Whether its interval lies below the known settings, and it lost no more runs."""
    lost, known_lost = (place.num_lost if place else 0 for place in (one.found, one.known))
    return lost <= known_lost and one.difference is not None and one.difference.high < 0


def _against(one: Chosen) -> str:
    said = [f"found : known {effect(one.difference)}"] if one.difference else []
    if one.found and (lost := one.found.num_lost):
        said.append(f"{lost} of {plural(len(one.found.runs), 'run')} without a value")
    return ", ".join(said) or "too few runs to tell"


def _rows(results: Results, one: Chosen) -> list[list[str]]:
    ratio = effect(one.difference) if one.difference else MISSING
    cells = [(FOUND, one.found, ratio), (KNOWN, one.known, "")]
    return [_row(results, one.arm, kind, place, said) for kind, place, said in cells if place]


def _row(results: Results, arm: str, kind: str, place: CellRuns, ratio: str) -> list[str]:
    metric = results.selection_metric
    chosen = f"{kind}, chosen" if place is results.chosen(arm) else kind
    return [
        code(arm),
        chosen,
        _settings(results, arm, place),
        measured(metric, place.values(metric), num_lost=place.num_lost),
        distance(results, place, results.test_metric),
        ratio,
    ]


def _settings(results: Results, arm: str, place: CellRuns) -> str:
    """``lr 0.00396, depth 4``: what the search could choose."""
    run = place.runs[0]
    values = ((short(key), run.param(key)) for key in results.study.spaces[arm])
    return prose(", ".join(f"{key} {_brief(text)}" for key, text in values if text is not None))


def _brief(text: str) -> str:
    try:
        return text if text.isdigit() else f"{float(text):.3g}"
    except ValueError:
        return text


def _stages(results: Results) -> str:
    """How the search went, in the numbers of its trials."""
    trials = {arm: trials_of(results, arm) for arm in results.study.spaces}
    finalists = {arm: finalists_of(results, arm) for arm in results.study.spaces}
    said = f"Lowest validation {code(search_measure(results).partition('/')[2])} of the trials: {_lowest(results, trials)}."
    if any(finalists.values()):
        said += f" Of those trained on all images: {_lowest(results, finalists)}."
    return said


def _lowest(results: Results, trials: dict[str, list[Trial]]) -> str:
    found = []
    for arm, some in trials.items():
        values = [one.value for one in some if one.value is not None]
        best = shown(search_measure(results), min(values)) if values else MISSING
        found.append(f"{best} of {plural(len(some), 'trial')} ({code(arm)})")
    return ", ".join(found)


def _edges(one: Chosen) -> str:
    """That a better value may lie outside of what was searched."""
    found = [f"{code(short(key))} ({prose(str(space))})" for key, space in one.edges.items()]
    lies = "lies" if len(found) == 1 else "lie"
    return (
        f"The chosen {join(found)} of {code(one.arm)} {lies} at the edge of what was searched: "
        "better settings may lie beyond."
    )


def _unknown_importance(results: Results) -> str:
    """That the figure of what mattered is left out for want of trials; empty where it stands."""
    found = importance(results)
    if found is None or not found.shares or found.told:
        return ""
    most = max(found.trials.get(arm, 0) for arm in found.shares)
    return (
        f"Which settings mattered is not said: that is estimated from the best tenth of the trials, and "
        f"of {plural(most, 'trial')} that is too few (from {TRIALS_FOR_IMPORTANCE} on it is shown)."
    )


def _named(arms: Sequence[str]) -> str:
    return join([code(arm) for arm in arms])
