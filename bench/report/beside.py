"""What other studies of the same store say against an answer, in front of everything it says."""

from __future__ import annotations

from collections.abc import Iterable

from bench.results.format import code, join, measured, plural, prose
from bench.results.results import Results
from bench.results.siblings import Beaten, Reversed, Sibling, beaten, kind_of, siblings, turned

_MOST_NAMED = 4


def contradicted(results: Results) -> str:
    """A quotation: families that are nearer elsewhere, orders that are another there; or empty."""
    said = [
        *(_beaten(results, one) for one in beaten(results)),
        *(_turned(results, one) for one in turned(results)[:_MOST_NAMED]),
    ]
    if (more := len(turned(results)) - _MOST_NAMED) > 0:
        said.append(f"{plural(more, 'more order')} of two families reversed.")
    if not said:
        return ""
    start = "Other studies of this store, on the same data at the same budget, width and detector:"
    return "\n".join([f"> {start}", ">", *(f"> - {one}" for one in said)])


def nothing_beside(results: Results) -> str:
    """That other studies were looked at and say nothing against it; empty where there are none."""
    if not siblings(results) or contradicted(results):
        return ""
    kinds = {kind_of(place) for place in results.chosen_cells}
    alike = {one.study for one in siblings(results) if one.kind in kinds}
    apart = {one.study for one in siblings(results)} - alike
    said = []
    if alike:
        said.append(
            f"Held against {_listed(alike)} of this store: of the families that are measured alike there, "
            "at this budget and width, none is lower by 5 % or more, and no order of two that a test "
            "decided is reversed."
        )
    if apart:
        said.append(
            f"Not held against {_listed(apart)} of this store, where the same data are measured alike, but "
            "no family at this budget and width."
        )
    return " ".join(said)


def _listed(studies: Iterable[str]) -> str:
    return join([code(study) for study in sorted(studies)])


def _beaten(results: Results, one: Beaten) -> str:
    metric, there = results.test_metric, one.sibling
    here = measured(metric, one.place.values(metric)).partition(" §")[0]
    verb, noise = "is not", ""
    if not one.is_beyond:
        verb, noise = "may not be", "; the seeds do not tell the two apart"
    return (
        f"{code(one.place.arm)} {verb} at its best here: {_named(there)} is at "
        f"{_value(results, there)}, lower by {100 * one.share:.0f} % than {here} here{noise}."
    )


def _turned(results: Results, one: Reversed) -> str:
    metric = results.test_metric
    here = [
        f"{code(p.arm)} {measured(metric, p.values(metric)).partition(' §')[0]}"
        for p in (one.lower, one.higher)
    ]
    there = [f"{_named(s, study=False)} {_value(results, s)}" for s in one.there]
    tests = {
        (True, True): "a test decides it both times",
        (True, False): "a test decides it here alone",
        (False, True): "a test decides it there alone",
        (False, False): "no test decides it",
    }
    return (
        f"the order of {code(one.lower.arm)} and {code(one.higher.arm)} is reversed in "
        f"{code(one.there[0].study)}: {join(there)} there, {join(here)} here ({tests[one.is_tested]}). "
        "Each order holds for the settings it was measured at."
    )


def _named(one: Sibling, *, study: bool = True) -> str:
    label = f" at {prose(one.label)}" if one.label else ""
    where = f" of {code(one.study)}" if study else ""
    return f"{code(one.arm)}{where}{label}"


def _value(results: Results, one: Sibling) -> str:
    text = measured(results.test_metric, one.values).partition(" §")[0]
    return f"{text} over {plural(len(one.values), 'seed')}"
