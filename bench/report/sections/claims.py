"""Theirs beside ours: what authors reported, what was measured here, and the verdict."""

from __future__ import annotations

from collections.abc import Sequence

from bench.dataset_names import short_name
from bench.measures import Scale, centre, scale_of
from bench.plan.claim import COLLAPSED, DIVERGED, HALF, MATCHED, ROSE, Claim
from bench.report.sections import section
from bench.report.sections._words import NOT_APART, would_show
from bench.results.claims import Ours, difference, num_sound, ours_of, sound_arms
from bench.results.decisions import ALPHA, metric_of
from bench.results.format import (
    MISSING,
    by,
    code,
    count,
    effect,
    join,
    measured,
    p_value,
    plural,
    prose,
    share,
    shown,
    table,
    with_interval,
)
from bench.results.results import Results
from bench.stats.tests import SEEDS_FOR_INTERVAL, detectable
from bench.stats.trend import trend

_ENDS = {DIVERGED, COLLAPSED}
_NONE = ("no verdict", "not measured", "not comparable")


@section("Theirs beside ours", after="Comparisons", level=3, reads_curves=True)
def claims(results: Results) -> str:
    """The table; empty for a study without claims of others."""
    if not results.study.claims:
        return ""
    rows = [_row(results, claim) for claim in results.study.claims]
    header = ["what they reported", "their protocol", "measure", "ours", "verdict"]
    seeds = {run.seed for run in results.arm_runs if run.has_values}
    note = (
        f"Ours: {results.budget()} real images of {prose(short_name(results.identity.dataset))} per run, "
        f"{plural(len(seeds), 'seed')}, each family at its chosen cell (how runs ended, and what is said "
        "along a factor: all its cells), on the test split unless the measure says otherwise. Verdicts are by the test of a declared comparison (Welch's; seed by seed between arms of one model), along a factor by its rank "
        "correlation, at 5 % and not corrected: each row is a question of its own, and none of "
        "them makes a number bold. Those on a bound, on images to match or on how runs ended are by "
        "the numbers as they stand, and test nothing. A verdict takes three runs or more of each "
        "arm that did not collapse; arms whose runs did are left out where two others stand."
    )
    return f"{table(header, rows, left=5)}\n\n{note}"


def _row(results: Results, claim: Claim) -> list[str]:
    ours = [ours_of(results, claim, arm) for arm in _shown_arms(claim)]
    said = "; ".join(f"{code(each.arm)} {_shown(results, claim, each)}" for each in ours)
    return [
        prose(claim.reported),
        prose(claim.protocol),
        _measure(results, claim),
        said,
        _placed(results, claim, _verdict(results, claim, ours)),
    ]


def _placed(results: Results, claim: Claim, verdict: str) -> str:
    """A verdict names the data set where their protocol does not: it is of no other."""
    dataset = results.identity.dataset
    if verdict.startswith(_NONE) or _letters(dataset) in _letters(claim.protocol):
        return verdict
    return f"on {prose(short_name(dataset))}: {verdict}"


def _letters(text: str) -> str:
    """``CIFAR-10`` and ``cifar10`` are one."""
    return "".join(filter(str.isalnum, text.lower()))


def _shown_arms(claim: Claim) -> tuple[str, ...]:
    """The arm that is only a mark to be matched has no value of its own."""
    return claim.arms[:1] if claim.measure == MATCHED else claim.arms


def _measure(results: Results, claim: Claim) -> str:
    if claim.measure in _ENDS:
        return f"{claim.measure} of the runs"
    if claim.measure in {HALF, ROSE}:
        return claim.measure
    if claim.measure == MATCHED:
        return f"real images until {code(claim.arms[1])}'s best validation distance is reached"
    name = metric_of(results, claim.measure).partition("/")[2]
    return f"{code(name)} {'↓' if claim.better == 'lower' else '↑'}"


def _shown(results: Results, claim: Claim, ours: Ours) -> str:
    if claim.measure in _ENDS:
        return f"{count(sum(ours.values))} of {len(ours.values)}"
    if results.chosen(ours.arm) is None:
        return MISSING
    if claim.rises or claim.falls:
        return _ends(results, claim, ours.arm)
    if claim.measure == MATCHED:
        images = ", ".join(count(value) for value in ours.values) or "never"
        of = f"{len(ours.values)} of {plural(ours.num_curves, 'run')}"
        return f"{images} ({of}, at the logged validations)"
    if claim.measure == ROSE:
        return with_interval(ours.values, "share", 3)
    return measured(_metric(results, claim), ours.values)


def _metric(results: Results, claim: Claim) -> str:
    """Whose values a claim is about."""
    half = claim.measure == HALF
    return results.selection_metric if half else metric_of(results, claim.measure)


def _ends(results: Results, claim: Claim, arm: str) -> str:
    """The means at both ends of the x factor."""
    name, factor = metric_of(results, claim.measure), results.x_name
    means = [(x, mean) for x, p in results.along_x(arm) if (mean := p.mean(name)) is not None]
    said = [
        f"{shown(name, mean)} at {prose(f'{factor} {x}')}"
        for x, mean in (means[:1] + means[1:][-1:])
    ]
    return ", ".join(said) or MISSING


def _verdict(results: Results, claim: Claim, ours: Sequence[Ours]) -> str:
    if claim.differs:
        return f"not comparable: {prose(claim.differs)}"
    if claim.measure in _ENDS:
        return _by_ends(claim, ours)
    judged = sound_arms(results, claim) if claim.asks_for_verdict else claim.arms
    standing = [each for each in ours if each.arm in judged]
    if why := _unsound(results, claim, standing, judged):
        return why
    return _held(results, claim, standing) + _left_out(claim, judged)


def _unsound(results: Results, claim: Claim, ours: Sequence[Ours], judged: Sequence[str]) -> str:
    """Why there is no verdict; empty where there is one, or where none is asked for."""
    least = SEEDS_FOR_INTERVAL
    if not judged:
        few = [code(arm) for arm in claim.arms if num_sound(results, claim, arm) < least]
        return f"no verdict: fewer than three runs of {join(few)} that did not collapse"
    if claim.winner and min(len(each.values) for each in ours) < least:
        return "no verdict: fewer than three runs of an arm have the value"
    if claim.measure != MATCHED and (none := [code(o.arm) for o in ours if not o.values]):
        return f"not measured: no value of {join(none)}"
    return ""


def _left_out(claim: Claim, judged: Sequence[str]) -> str:
    """The arms whose runs collapsed, so that nothing is said of them; empty without any."""
    named = [code(arm) for arm in claim.arms if arm not in judged]
    if not named:
        return ""
    return f" (left out, with fewer than three runs that did not collapse: {join(named)})"


def _held(results: Results, claim: Claim, ours: Sequence[Ours]) -> str:
    """By what the claim says that it takes."""
    if claim.measure == MATCHED:
        return _by_images(results, ours[0])
    if claim.winner:
        return _by_winner(results, claim, ours)
    if claim.at_most is not None:
        return _by_bound(claim.at_most, scale_of(_metric(results, claim)), ours)
    if claim.rises or claim.falls:
        return _by_trend(results, claim, [each.arm for each in ours])
    return "not comparable: they gave no number"


def _by_ends(claim: Claim, ours: Sequence[Ours]) -> str:
    """Reproduced where a run of ours ended so; else how rare it is, with 95 % confidence."""
    ends = [value for each in ours for value in each.values]
    if len(ends) < SEEDS_FOR_INTERVAL:
        return "no verdict: fewer than three runs"
    if num := int(sum(ends)):
        return f"reproduced: {num} of {plural(len(ends), 'run')} {claim.measure}"
    most = 1 - 0.05 ** (1 / len(ends))
    return (
        f"not reproduced: none of {plural(len(ends), 'run')} {claim.measure}, which excludes a share "
        f"above {share(most)}"
    )


def _by_images(results: Results, ours: Ours) -> str:
    images = [int(text) for run in results.arm_runs if (text := run.param("train.num_images"))]
    if not ours.num_curves or not images:
        return "not measured yet"
    early = [value for value in ours.values if value < max(images)]
    if len(early) == ours.num_curves:
        return f"reproduced: with {share(max(early) / max(images))} of the images at most"
    return f"not reproduced: {len(early)} of {plural(ours.num_curves, 'run')} needed fewer images"


def _by_winner(results: Results, claim: Claim, ours: Sequence[Ours]) -> str:
    """Against each other arm of the claim; the weakest of the answers counts."""
    best = next(each for each in ours if each.arm == claim.winner)
    said = [_against(results, claim, best, other) for other in ours if other is not best]
    for start in ("contradicted", "not reproduced", "no better"):
        if found := next((text for text in said if text.startswith(start)), None):
            return found
    return "; ".join(said)


def _against(results: Results, claim: Claim, best: Ours, other: Ours) -> str:
    d = difference(results, _metric(results, claim), best, other)
    so_much = f"{by(d)} ({p_value(d.p)})"
    if d.p >= ALPHA:
        missed = "no better" if claim.beyond else "not reproduced"
        return (
            f"{missed}: {NOT_APART}, {effect(d)} ({p_value(d.p)}); {would_show(d, detectable(d))}"
        )
    if (d.difference < 0) == (claim.better == "lower"):
        return f"{'better' if claim.beyond else 'reproduced'} {so_much}"
    return f"contradicted: {code(other.arm)} is better {so_much}"


def _by_bound(at_most: float, scale: Scale, ours: Sequence[Ours]) -> str:
    means = {each.arm: centre(each.values, scale) for each in ours}
    above = [code(arm) for arm, mean in means.items() if mean > at_most]
    if not above:
        return f"reproduced: no mean above {at_most:g}"
    return f"not reproduced: {join(above)} above {at_most:g}"


def _by_trend(results: Results, claim: Claim, arms: Sequence[str]) -> str:
    """For each of them, Spearman's correlation of the measure with the x factor within seeds."""
    said = []
    for arm in arms:
        name = metric_of(results, claim.measure)
        runs = [
            (float(rank if isinstance(x, str) else x), value, run.seed)
            for rank, (x, place) in enumerate(results.along_x(arm))
            for run in place.valued
            if (value := run.value(name)) is not None
        ]
        x, y, seeds = (list(each) for each in zip(*runs, strict=True)) if runs else ([], [], [])
        found = trend(x, y, seeds)
        if found is None:
            said.append(f"not measured for {code(arm)}")
            continue
        rho = f"rho {found.rho:.2f} with {prose(results.x_name)}, {p_value(found.p)}"
        told = "reproduced" if (found.rho > 0) == claim.rises else "contradicted"
        said.append(f"{told if found.p < ALPHA else 'not reproduced'} for {code(arm)}: {rho}")
    return "; ".join(said)
