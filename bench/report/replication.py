"""The page of replications: published numbers beside ours, study by study."""

from __future__ import annotations

from collections.abc import Sequence

from bench.dataset_names import short_name
from bench.report.origin import origin
from bench.report.sections.claims import claims
from bench.report.sections.provenance import commands
from bench.report.sections.published import (
    HEADER,
    beside_ours,
    ours,
    percent,
    protocols,
    theirs,
    verdict,
)
from bench.results.format import (
    MISSING,
    code,
    count,
    footnotes,
    plural,
    prose,
    significant,
    table,
)
from bench.results.published import Reached, all_reached, hours, way
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
    found = {id(r): all_reached(r) for r in studies}
    parts = [TITLE, OPENING, _overview(studies, found), *(_study(r, found[id(r)]) for r in studies)]
    marks = footnotes(*parts)
    return "\n\n".join(filter(None, [*parts, marks, f"Written by `{one_line(command)}`."])) + "\n"


def _overview(studies: Sequence[Results], found: dict[int, list[Reached]]) -> str:
    rows = [
        [
            f"[{prose(_name(r))}](#{_anchor(r)})",
            code(one.published.arm),
            code(one.metric.partition("/")[2]),
            theirs(one),
            ours(one),
            verdict(one),
        ]
        for r in studies
        for one in found[id(r)]
    ]
    header = ["study", "of", "measure", "theirs", "ours", "verdict"]
    return table(header, rows, left=3) if rows else ""


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
    rows = [
        [
            *beside_ours(results, one),
            ", ".join(code(run.record.run_id) for run in one.runs) or MISSING,
        ]
        for one in found
    ]
    return f"{table([*HEADER, 'runs'], rows, left=7)}\n\n{protocols(found)}"


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
                percent(x / whole) if whole else MISSING,
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
