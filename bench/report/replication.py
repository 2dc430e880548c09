"""The page of replications: published numbers beside ours, study by study."""

from __future__ import annotations

from collections.abc import Sequence

from bench.dataset_names import short_name
from bench.report.origin import origin
from bench.report.sections.claims import claims
from bench.report.sections.provenance import commands
from bench.results.decisions import metric_of
from bench.results.format import (
    MISSING,
    code,
    count,
    footnotes,
    measured,
    plural,
    prose,
    shown,
    significant,
    table,
)
from bench.results.published import Reached, hours, reached, way
from bench.results.results import Results
from bench.results.summary import completeness
from bench.text import one_line

TITLE = "# Published results, and what is reached of them here"
OPENING = (
    "Published numbers stand beside what this project measured, each with its protocol, what "
    "differs and the runs. A number is called reproduced by three runs or more that did not collapse "
    "and that saw as many images as theirs, where the whole 95 % interval of ours is as near as is "
    "allowed; until then the page says how far ours is."
)


def page(studies: Sequence[Results], command: str) -> str:
    """The whole page, of studies in the order given; ``command`` is what writes it."""
    found = {id(r): [reached(r, one) for one in r.study.published] for r in studies}
    parts = [TITLE, OPENING, _overview(studies, found), *(_study(r, found[id(r)]) for r in studies)]
    marks = footnotes(*parts)
    return "\n\n".join(filter(None, [*parts, marks, f"Written by `{one_line(command)}`."])) + "\n"


def _overview(studies: Sequence[Results], found: dict[int, list[Reached]]) -> str:
    rows = [
        [
            f"[{prose(_name(r))}](#{_anchor(r)})",
            code(one.published.arm),
            _theirs(one),
            _ours(one),
            _verdict(one),
        ]
        for r in studies
        for one in found[id(r)]
    ]
    return table(["study", "of", "theirs", "ours", "verdict"], rows, left=2) if rows else ""


def _name(results: Results) -> str:
    identity = results.identity
    return f"{identity.study} on {short_name(identity.dataset)}, {identity.tier} tier"


def _anchor(results: Results) -> str:
    """As GitHub makes one of the heading."""
    kept = "".join(c for c in _name(results).lower() if c.isalnum() or c in " _-")
    return kept.replace(" ", "-")


def _study(results: Results, found: Sequence[Reached]) -> str:
    run_again, _ = commands(results)
    said = claims(results)
    return "\n\n".join(
        filter(
            None,
            [
                f"## {prose(_name(results))}",
                prose(results.study.question),
                f"```\n{run_again}\n```",
                origin(results),
                _spent(results),
                _numbers(results, found),
                *_ways(results, found),
                f"### Claims\n\n{said}" if said else "",
                *(prose(note) for note in results.study.notes),
            ],
        )
    )


def _spent(results: Results) -> str:
    seeds = plural(len(completeness(results).seeds), "seed")
    spent = significant(hours(results), 2)
    return (
        f"{results.budget()} real images per run, {seeds}; {spent} hours to train and measure all."
    )


def _numbers(results: Results, found: Sequence[Reached]) -> str:
    if not found:
        return ""
    header = [
        "of",
        "measure",
        "theirs",
        "their protocol",
        "ours",
        "what differs",
        "verdict",
        "runs",
    ]
    rows = [
        [
            code(one.published.arm),
            code(one.metric.partition("/")[2]),
            _theirs(one),
            prose(f"{one.published.source}: {one.published.protocol}"),
            "; ".join([_ours(one), *_beside(results, one)]),
            prose(one.published.differs) or MISSING,
            _verdict(one),
            ", ".join(code(run.record.run_id) for run in one.runs) or MISSING,
        ]
        for one in found
    ]
    return table(header, rows, left=8)


def _beside(results: Results, one: Reached) -> list[str]:
    """Other values of the same runs."""
    said = []
    for name in one.published.beside:
        metric = metric_of(results, name)
        values = [value for run in one.runs if (value := run.value(metric)) is not None]
        if values:
            said.append(
                f"{code(metric.partition('/')[2])} {significant(sum(values) / len(values))}"
            )
    return said


def _theirs(one: Reached) -> str:
    published = one.published
    if one.target is None:
        return MISSING
    if published.against:
        return f"{shown(one.metric, one.target)} ({code(published.against)})"
    spread = "" if published.spread is None else f" ± {published.spread:g}"
    return f"{published.value:g}{spread}"


def _ours(one: Reached) -> str:
    return measured(one.metric, one.values) if one.values else MISSING


def _verdict(one: Reached) -> str:
    """From how far ours is off, with how many runs, at which share of their images."""
    if one.off is None:
        return "not run yet"
    if not one.is_comparable:
        return f"not comparable: theirs is of {prose(one.published.dataset)}"
    within = f"{one.published.within:g}"
    apart = f"{significant(abs(one.off), 2)} {'above' if one.off > 0 else 'below'} theirs"
    if not one.is_whole:
        state = "not reached yet" if one.is_short else "reached early"
        return f"{state}: {apart} after {_percent(one.share or 0)} of their images"
    close = abs(one.off) <= one.published.within
    if not one.can_be_judged:
        said = "within" if close else "more than"
        return f"no verdict{_too_few(one)}: {apart}, {said} {within}"
    told = {True: "reproduced", False: "not reproduced", None: "undecided"}[one.is_near]
    return f"{told}: {apart}{_reach(one)}, where {within} is allowed"


def _too_few(one: Reached) -> str:
    """How many runs there are that did not collapse, and how many did."""
    number = len(one.runs)
    if one.num_sound == number:
        return f" of {plural(number, 'run')}"
    if one.num_sound == 0:
        return f", its {plural(number, 'run')} collapsed"
    return f", {number - one.num_sound} of {plural(number, 'run')} collapsed"


def _reach(one: Reached) -> str:
    """The interval of our mean less theirs, where it decides nothing."""
    between = one.interval
    if one.is_near is not None or between is None or between.low is None or between.high is None:
        return ""
    return f" [{significant(between.low, 2)}, {significant(between.high, 2)}]"


def _percent(share: float) -> str:
    return f"{significant(100 * share, 2)} %"


def _ways(results: Results, found: Sequence[Reached]) -> list[str]:
    """A table of each curve that a number names: the way done, beside the way left."""
    shown_of = [one for one in found if one.published.curve and one.is_comparable]
    names = dict.fromkeys(one.published.curve for one in shown_of)
    said = []
    for name in names:
        arms = way(results, name)
        at = sorted({x for points in arms.values() for x, _ in points})
        if not at:
            continue
        whole = max((one.published.images or 0) for one in shown_of)
        rows = [
            [
                count(x),
                _percent(x / whole) if whole else MISSING,
                *(_at(points, x) for points in arms.values()),
            ]
            for x in at
        ]
        header = ["images seen", "of theirs", *map(code, arms)]
        said.append(
            f"{code(name)} on the way, means since the log before:\n\n{table(header, rows, left=0)}"
        )
    return said


def _at(points: Sequence[tuple[int, float]], x: int) -> str:
    value = dict(points).get(x)
    return MISSING if value is None else f"{value:.2f}"
