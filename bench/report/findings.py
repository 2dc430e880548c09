"""What was found, as plain sentences made from the numbers."""

from __future__ import annotations

from bench.report.beside import nothing_beside
from bench.report.sections.comparisons import verdict
from bench.report.sections.trends import trend_sentence
from bench.results.decisions import comparisons
from bench.results.format import (
    code,
    join,
    measured,
    nats,
    plural,
    prose,
    shown,
)
from bench.results.results import GAUSSIAN, Results, short
from bench.results.runs import UNFINISHED, CellRuns
from bench.results.summary import (
    KL_FACTOR,
    AgainstGaussian,
    against_gaussian,
    elbo_remark,
    mean_rate,
    passports,
    seeds_said,
)
from bench.results.trends import trends
from bench.stats.tests import SEEDS_FOR_INTERVAL


def findings(results: Results) -> str:
    """A bullet for each thing that was found."""
    bullets = [
        *(_family(results, arm) for arm in results.arms),
        *(verdict(comparison) for comparison in comparisons(results)),
        *(trend_sentence(results, curve) for curve in trends(results)[0]),
        _gaussian(results),
        *(_rate(results, name, arm) for name in passports(results) for arm in results.arms),
        *(_elbo(results, name) for name in results.elbos),
        elbo_remark(results),
        nothing_beside(results),
        _badly_ended(results),
    ]
    return "\n".join(f"- {bullet}" for bullet in bullets if bullet)


def _family(results: Results, arm: str) -> str:
    place = results.headline(arm)
    if place is None:
        return f"{code(arm)}: no run with a validation value yet."
    if place.mean(results.test_metric) is None:
        return f"{code(arm)}{_at(results, place)}: no test distance yet."
    text = f"{code(arm)}{_at(results, place)}: {_value(results, place)}"
    means = [
        (m, p) for p in results.cells_of(arm) if (m := p.mean(results.test_metric)) is not None
    ]
    if len(means) > 1:
        text += f", chosen on validation among {plural(len(means), 'cell')}"
        low, high = min(means, key=lambda m: m[0]), max(means, key=lambda m: m[0])
        ends = [f"{shown(results.test_metric, m)}{_at(results, p)}" for m, p in (low, high)]
        text += f" whose own test means go from {ends[0]} to {ends[1]}"
    return f"{text}."


def _gaussian(results: Results) -> str:
    baseline = results.baseline(GAUSSIAN)
    limit = baseline.mean(results.test_metric) if baseline else None
    if limit is None:
        return f"No value of {code(GAUSSIAN)}: no family is held against it."
    beside = {
        p.arm: against_gaussian(results, p, results.test_metric) for p in results.chosen_cells
    }
    known = {code(arm): one for arm, one in beside.items() if one is not None}
    beaten = [arm for arm, one in known.items() if one.is_beaten]
    above = [arm for arm, one in known.items() if not one.mean_is_below]
    between = [
        f"{arm} ({_not_below(one)})"
        for arm, one in known.items()
        if one.mean_is_below and not one.is_beaten
    ]
    reference = f"the Gaussian fitted to the training images ({shown(results.test_metric, limit)})"
    said = []
    if beaten:
        said.append(f"{join(beaten)} {'beats' if len(beaten) == 1 else 'beat'} {reference}.")
    if between:
        said.append(f"Not shown to beat {reference}: {join(between)}.")
    if above:
        verb = "does" if len(above) == 1 else "do"
        said.append(f"{join(above)} {verb} not beat {reference}.")
    return " ".join(filter(None, [*said, _whole_grid(results)]))


def _not_below(one: AgainstGaussian) -> str:
    """Of a mean that is below the Gaussian: how many runs are not, or that its interval alone is not."""
    if not one.not_below:
        return f"its mean and all {one.runs} runs are below, its interval is not"
    verb = "is" if one.not_below == 1 else "are"
    return f"its mean is below, {one.not_below} of {plural(one.runs, 'run')} {verb} not"


def _whole_grid(results: Results) -> str:
    """How many cells do not beat the Gaussian; empty where each family has one cell."""
    if len(results.arm_cells) == len(results.chosen_cells):
        return ""
    found = [against_gaussian(results, p, results.test_metric) for p in results.arm_cells]
    missed = [one for one in found if one is not None and not one.is_beaten]
    if not missed:
        return ""
    below = sum(one.mean_is_below for one in missed)
    if len(missed) == 1:
        though = ", though its mean is below" if below else ""
        return f"In the whole grid 1 cell does not beat it{though}."
    though = f", though the mean of {below} of them is below" if below else ""
    return f"In the whole grid {len(missed)} cells do not beat it{though}."


def _elbo(results: Results, name: str) -> str:
    parts = []
    for arm in results.arms:
        place = results.headline(arm)
        values = place.values(f"test/{name}") if place else []
        if place and values:
            parts.append(f"{code(arm)}{_at(results, place)}: {measured(f'test/{name}', values)}")
    return f"{code(name)} on test, in nats (higher is better), {', '.join(parts)}." if parts else ""


def _rate(results: Results, passport: str, arm: str) -> str:
    """What the ends of a KL sweep keep of an image, and at what rate; empty for other studies."""
    if results.study.x != KL_FACTOR:
        return ""
    ends = [(x, p, mean_rate(p, passport)) for x, p in results.along_x(arm)]
    known = [(x, place, point) for x, place, point in ends if point is not None]
    if len(known) < 2:
        return ""
    (low, first, start), (high, last, end) = known[0], known[-1]
    units = [place.mean("test/active_units") for place in (first, last)]
    active = " to ".join(f"{n:.1f}" for n in units if n is not None)
    said = f", active units from {active}" if active else ""
    return (
        f"{code(arm)} ({code(passport)}): from {short(KL_FACTOR)} {low} to {high} the rate goes from "
        f"{nats(start[0])} to {nats(end[0])} nats, the distortion from {nats(start[1])} to "
        f"{nats(end[1])} nats{said}."
    )


def _badly_ended(results: Results) -> str:
    said = [
        f"{plural(n, 'run')} {_ended(status, n)}"
        for status in ("collapsed", "diverged", "failed", UNFINISHED)
        if (n := sum(run.status == status for run in results.arm_runs))
    ]
    return f"{join(said)}: listed below." if said else ""


def _ended(status: str, number: int) -> str:
    if status == UNFINISHED:
        return "is not finished" if number == 1 else "are not finished"
    return status


def _at(results: Results, place: CellRuns) -> str:
    label = prose(results.label(place))
    return f" at {label}" if label else ""


def _value(results: Results, place: CellRuns) -> str:
    """``fd_digits_n500 6.53 [6.02, 7.04] over 3 seeds``."""
    values = place.values(results.test_metric)
    seeds = seeds_said(place, results.test_metric)
    few = ", too few for an interval" if len(values) < SEEDS_FOR_INTERVAL else ""
    text = measured(results.test_metric, values).partition(" §")[0]
    return f"{code(results.test_metric_name)} {text} over {seeds}{few}"
