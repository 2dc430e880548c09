"""The question, and its answer in three sentences for somebody who has not read the protocol."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bench.dataset_names import short_name
from bench.measures import MeasureName, centre
from bench.plan.study import DISTANCE
from bench.report.known_modes import modes_covered
from bench.report.sections.budget import epochs
from bench.report.sections.comparisons import ordered
from bench.report.sections.doubts import MOST_NAMED, doubts, who
from bench.report.sections.search import lost
from bench.report.sections.trends import after_lowest, is_turned, told_steps
from bench.results.decisions import ALPHA, Comparison, comparisons
from bench.results.format import (
    code,
    count,
    effect,
    join,
    measured,
    p_value,
    plural,
    prose,
    shown,
)
from bench.results.learning import learning_unknown, still_learning
from bench.results.naming import against_naming
from bench.results.results import Results, short
from bench.results.robustness import headline_order
from bench.results.runs import UNFINISHED, CellRuns
from bench.results.summary import seeds_said
from bench.results.trends import Curve, trends
from bench.stats.trend import Trend

_MOST_IN_A_LINE = 5
_VERDICTS = {
    "collapsed": "no best, all collapsed",
    "gaussian": "no best, a Gaussian is nearer",
    "learning": "no best yet, still learning",
    "learning unknown": "no best, learning unknown",
    "not shown": "no best shown",
}
"""What speaks against naming a family, in a line."""

_AT_COMMON = "at the seeds that both have, over which they were tested"
"""Where a family of a higher mean over its own seeds is the lower one."""

_DISTANCES = {"fd": "Frechet distance", "fid": "FID", "kd": "kernel distance", "kid": "KID"}


def answer(results: Results) -> str:
    """The question, then who is nearest, and whether that was over and holds.

    In front, where a factor is followed, what the distance does along it; where the study declares
    another measure first, what its tests say by that. The values of all stand
    in the table below it; the orders by other measures, in the section on whether it holds.
    """
    along = _along(results)
    asked = "" if along else _covered(results) or _asked(results)
    scene = f"At the {prose(results.x_name)} that validation chose" if along else _scene(results)
    finding = _finding(results, "By distance" if asked else scene)
    said = [
        f"**{' '.join(filter(None, [along, asked, finding]))}**",
        _unsound(results),
        *_valueless(results),
        outside_ahead(results),
        *lost(results),
        doubts(results),
    ]
    return f"The question: {prose(results.study.question)}\n\n{' '.join(filter(None, said))}"


def headline(results: Results) -> str:
    """The answer where there is room for one line; empty where no run has a test distance.

    ``Test distance, lower is nearer: wgan 12.1, vae 20.3; no best shown``.
    """
    metric = results.test_metric
    means = {p.arm: mean for p in results.chosen_cells if (mean := p.mean(metric)) is not None}
    order = headline_order(results) or tuple(means)
    said = [f"{prose(arm)} {shown(metric, means[arm])}" for arm in order[:_MOST_IN_A_LINE]]
    more = len(order) - len(said)
    said += [plural(more, "other")] if more else []
    if len(order) > 1:
        against = against_naming(results)
        said[-1] += f"; {_VERDICTS[against] if against else f'**best: {prose(order[0])}**'}"
    return f"Test distance, lower is nearer: {', '.join(said)}" if said else ""


def _along(results: Results) -> str:
    """What each family's test distance does along the factor; empty where none is followed."""
    tested = [(curve, curve.trend) for curve in trends(results)[0] if curve.trend]
    if not tested:
        return ""
    x, levels = prose(results.x_name), results.x_values
    alike: dict[str, list[str]] = {}
    for curve, found in tested:
        family = f"{code(curve.arm)} (lowest at {prose(curve.lowest)})"
        alike.setdefault(_direction(results, curve, found), []).append(family)
    said = [f"{direction} for {join(families)}" for direction, families in alike.items()]
    ends = f"{prose(levels[0])} to {prose(levels[-1])}"
    return f"{_scene(results)}, as {x} goes from {ends}, the test distance {join(said)}."


def _covered(results: Results) -> str:
    """Which families cover the modes that the data have; empty where these are not known."""
    said = modes_covered(results)
    return f"{_scene(results)}, {said}." if said else ""


def _asked(results: Results) -> str:
    """What the tests say by the measure that the study declares first; empty where it is the distance."""
    declared = results.study.comparisons
    if not declared or declared[0].measure == DISTANCE:
        return ""
    measure = declared[0].measure
    said = [_compared(c) for c in comparisons(results) if c.pair.planned.measure == measure]
    return (
        f"{_scene(results)}, by {code(measure)}{_chance(results, measure)} {join(said)}."
        if said
        else ""
    )


def _chance(results: Results, measure: str) -> str:
    """What a model that ignores the class gets; empty of any other measure."""
    real = [v for place in results.chosen_cells for v in place.values("test/classes_real")]
    if measure != "class_accuracy" or not real:
        return ""
    return f" (chance is {shown(f'test/{measure}', 1 / round(max(real)))})"


def _compared(comparison: Comparison) -> str:
    """Which of the two is better and by how much, or that they are not told apart."""
    both = {comparison.a: comparison.pair.first, comparison.b: comparison.pair.second}
    if comparison.difference is None or comparison.p is None:
        return f"{join([code(arm) for arm in both])} are not compared (fewer than three seeds with a value)"
    metric, scale = f"test/{comparison.pair.planned.measure}", comparison.pair.scale
    at = {arm: shown(metric, centre(group.values, scale)) for arm, group in both.items()}
    if comparison.winner is None:
        pair = join([f"{code(arm)} ({at[arm]})" for arm in both])
        return (
            f"{pair} are not told apart ({effect(comparison.difference)}, {p_value(comparison.p)})"
        )
    first = comparison.winner
    said = ordered(comparison, comparison.difference)
    return f"{said} ({at.pop(first)} against {at.popitem()[1]}, {p_value(comparison.p)})"


def _direction(results: Results, curve: Curve, found: Trend) -> str:
    """What the distance does along x, as far as ranks within seeds or steps seed by seed tell it."""
    if found.p < ALPHA:
        if not is_turned(curve, found):
            return "falls" if found.rho < 0 else "rises"
        if found.rho > 0:
            return f"rises from {prose(curve.lowest)} on"
        _, rising, common = after_lowest(results, curve, found)
        seeds = f"{count(rising)} of {count(common)} seeds"
        return f"falls as far as {prose(curve.lowest)}, from where {seeds} rise,"
    if found.p_levels < ALPHA:
        return "changes in no single direction"
    steps = [
        f"{'falls' if step.difference.difference < 0 else 'rises'} from {step.before} to {step.after}"
        for step in told_steps(results, curve.arm)
    ]
    if steps:
        return f"{join(steps)} and shows no other trend"
    return "shows no trend at this number of seeds"


def _finding(results: Results, scene: str) -> str:
    known = [p for p in results.chosen_cells if p.mean(results.test_metric) is not None]
    if not known:
        runs = results.arm_runs
        is_over = runs and all(run.status != UNFINISHED for run in runs)
        return f"{scene}, no run has a test distance{'' if is_over else ' yet'}."
    order = headline_order(results) or (known[0].arm,)
    best, *others = [next(p for p in known if p.arm == arm) for arm in order]
    if not others:
        return f"{scene}, {_named(results, best)} is at {_value(results, best)}."
    said = "; ".join(filter(None, [_declined(results), _ahead(results, best, others)]))
    return " ".join(filter(None, [f"{scene}, {said}.", _told_apart(results, best, others)]))


def _unsound(results: Results) -> str:
    """Which families' headline has collapsed runs, where it is not said of a family by its value."""
    said = [
        f"{count(number)} of {plural(len(place.valued), 'run')} of {code(place.arm)}"
        for place in results.chosen_cells
        if (number := place.num_collapsed(results.test_metric))
    ]
    names = [place.arm for place in results.chosen_cells]
    if not said or against_naming(results) == "collapsed" or len(names) == 1:
        return ""
    return f"Collapsed: {join(said)}."


def _valueless(results: Results) -> list[str]:
    """A sentence for each family none of whose runs came to a value: worse than any that did."""
    said = []
    for arm in results.arms:
        place = results.headline(arm)
        runs = place.runs if place else [r for p in results.cells_of(arm) for r in p.every]
        lost = Counter(run.status for run in runs if run.is_lost)
        if lost and not any(run.has_values for run in runs):
            ended = join([f"{count(number)} {status}" for status, number in sorted(lost.items())])
            said.append(f"No run of {code(arm)} came to a value ({ended}).")
    return said


def _declined(results: Results) -> str:
    """Why no family is named the best; empty where one is."""
    says = {
        "collapsed": (
            "no family is named: every run of the chosen cells that has a value collapsed, its images "
            "cover few kinds of image or hardly differ from each other"
        ),
        "gaussian": (
            "no family is named: none is nearer to real images than a Gaussian fitted to the training images"
        ),
        "learning": (
            f"{who(results, still_learning(results), MOST_NAMED)} still learning, so that no family is named the "
            "best"
        ),
        "learning unknown": (
            f"it is not known whether {join([code(a) for a in learning_unknown(results)])} "
            f"{'was' if len(learning_unknown(results)) == 1 else 'were'} still learning, so that no "
            "family is named the best"
        ),
        "not shown": "no family is shown to be nearest to real images",
    }
    return says.get(against_naming(results), "")


def _ahead(results: Results, best: CellRuns, others: Sequence[CellRuns]) -> str:
    """Whose distance is lower than whose, each at its settings, as far as a test says so."""
    lower, near, above, unknown = _standing(results, best, others)
    subject = _named(results, best)
    value = _value(results, best)
    parts = [f"not told apart from {_listed(near)}"] if near else []
    parts += [f"higher than {_listed(above)} {_AT_COMMON}"] if above else []
    parts += [f"not tested against {_listed(unknown)}"] if unknown else []
    rest = f", {join(parts)}" if parts else ""
    if lower:
        than = _listed(lower)
        if against_naming(results) in {"collapsed", "gaussian"}:  # none is any good
            return f"{subject} is at {value}, lower than {than}{rest}"
        learnt = "learned faster" if still_learning(results) else "makes images nearer to real ones"
        return f"{subject} {learnt} than {than}: it is at {value}{rest}"
    return f"the lowest mean is that of {subject}, at {value}{rest}"


def _standing(
    results: Results, best: CellRuns, others: Sequence[CellRuns]
) -> tuple[list[CellRuns], ...]:
    """The others by the declared test: it is lower than, not told apart from, higher than; not tested."""
    tested = {
        arm: comparison.winner or ""
        for comparison in comparisons(results)
        if comparison.pair.planned.measure == DISTANCE and comparison.difference is not None
        for arm in (comparison.a, comparison.b)
        if best.arm in {comparison.a, comparison.b}
    }
    lower = [p for p in others if tested.get(p.arm) == best.arm]
    near = [p for p in others if tested.get(p.arm) == ""]
    above = [p for p in others if tested.get(p.arm) == p.arm]
    return lower, near, above, [p for p in others if p.arm not in tested]


def _told_apart(results: Results, best: CellRuns, others: Sequence[CellRuns]) -> str:
    """What is told of declared pairs without the lowest family, where it was not tested against all."""
    told = [
        f"{ordered(c, c.difference)} ({p_value(c.p)})"
        for c in comparisons(results)
        if c.pair.planned.measure == DISTANCE and c.winner and best.arm not in {c.a, c.b}
        if c.difference is not None and c.p is not None
    ]
    if not _standing(results, best, others)[-1] or not 0 < len(told) <= MOST_NAMED:
        return ""
    return f"Of the other pairs that the study declared, {join(told)}."


def _bare(places: Sequence[CellRuns]) -> str:
    return join([code(place.arm) for place in places])


def _listed(places: Sequence[CellRuns]) -> str:
    """Their names; a number where they are many."""
    return plural(len(places), "other") if len(places) > MOST_NAMED else _bare(places)


def _scene(results: Results) -> str:
    """``After 300,000 real images per run (5.6 epochs) of mnist``."""
    dataset = prose(short_name(results.identity.dataset))
    if results.has_points:
        dataset += " (here an image is a point of the plane)"
    if not (images := results.budget()) or not results.arm_runs:
        return f"On {dataset}"
    return f"After {images} real images per run{epochs(results)} of {dataset}"


def _named(results: Results, place: CellRuns) -> str:
    """The family with its settings: the factors that vary, and what a search has chosen."""
    searched = results.study.spaces.get(place.arm, {})
    chosen = {short(key): place.runs[0].param(key) for key in searched if place.runs}
    parts = [prose(results.label(place)), *(f"{k} {_shown(v)}" for k, v in chosen.items() if v)]
    said = ", ".join(filter(None, parts))
    return f"{code(place.arm)} ({said})" if said else code(place.arm)


def _shown(text: str) -> str:
    """A setting's value, a long number with three digits."""
    try:
        number = float(text)
    except ValueError:
        return prose(text)
    return f"{number:.3g}" if len(text) > 6 else text


def _value(results: Results, place: CellRuns) -> str:
    """``a Frechet distance of 116 [103, 131] to the test images (5 seeds; lower is nearer)``."""
    measure = MeasureName.parse(results.test_metric).measure
    return (
        f"a {_DISTANCES.get(measure, 'distance')} of {_plain(results.test_metric, place)} to the "
        f"test images ({seeds_said(place, results.test_metric)}{_collapsed(place)}; lower is nearer)"
    )


def _plain(metric: str, place: CellRuns) -> str:
    """Mean and interval without marks, which stand in the tables."""
    return measured(metric, place.values(metric)).partition(" §")[0]


def _collapsed(place: CellRuns) -> str:
    number = sum(run.status == "collapsed" for run in place.valued)
    return f", {count(number)} of them collapsed" if number else ""


def outside_ahead(results: Results) -> str:
    """Images made elsewhere that are nearer to the real ones than every family's; else empty."""
    metric = results.test_metric
    means = [mean for p in results.chosen_cells if (mean := p.mean(metric)) is not None]
    outside = [
        (mean, p.arm)
        for p in results.baselines
        if p.is_outside and (mean := p.mean(metric)) is not None and means and mean < min(means)
    ]
    said = join([f"{code(name)} at {shown(metric, mean)}" for mean, name in sorted(outside)])
    return f"Images made elsewhere are nearer than those of every family: {said}." if said else ""
