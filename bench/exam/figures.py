"""The figures of an exam: a panel for each measure, a line for each setting."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from bench.exam.checks import Check
from bench.exam.measures import EXAMINED, Examined
from bench.exam.numbers import Answer, Exam
from bench.exam.verdict import verdicts
from bench.plots import few_colours, png, style
from bench.plots.axes import GRAY, legend_below, line_look, panels
from bench.results.format import significant

PASS, FAIL = "✓", "✗"

COLUMNS = 4
BOTTOM, TOP = -0.08, 1.3
"""A score beyond is drawn at the edge: density has no upper end."""

TINY = 1e-9
"""A score below, such as a p-value, is 0 in words."""


def exam_figures(checks: tuple[Check, ...], exam: Exam, folder: Path) -> dict[str, str]:
    """Draws ``<check>.png`` for each; check to the markdown that shows it."""
    shown = {}
    with style():
        for check in checks:
            figure, alt = drawn(check, exam)
            name = stem(check.name)
            (folder / f"{name}.png").write_bytes(few_colours(png(figure)))
            shown[check.name] = f"![{alt}](figures/{name}.png)"
    return shown


def stem(check: str) -> str:
    """The check's name as that of a file."""
    return check.replace("'", "").replace(" ", "_")


def drawn(check: Check, exam: Exam) -> tuple[Figure, str]:
    """One check: scores by level; and its alt text."""
    sat = [m for m in EXAMINED if any(_answers(check, m, exam).values())]
    figure, axes = panels(
        len(sat), height=1.45, top=0.6, columns=COLUMNS, sharey=True, ylabel="score"
    )
    said = [_draw(each, check, measure, exam) for each, measure in zip(axes, sat, strict=True)]
    figure.suptitle(f"Score by {check.knob}", fontsize=9, x=0.01, ha="left")
    if len(check.settings) > 1:
        legend_below(figure, *axes)
    return figure, f"Scores by {check.knob}. {'. '.join(said)}."


def _answers(check: Check, measure: Examined, exam: Exam) -> dict[str, Answer]:
    found = {s.name: exam.answer(check.name, s.name, measure.name) for s in check.settings}
    return {name: answer for name, answer in found.items() if answer}


def _draw(axes: Axes, check: Check, measure: Examined, exam: Exam) -> str:
    """One panel; what it shows, in words."""
    names, said = [setting.name for setting in check.settings], []
    for y in (0, 1):
        axes.axhline(y, color=GRAY, linewidth=0.7, zorder=0)
    for name, answer in _answers(check, measure, exam).items():
        levels = answer.levels
        scores = measure.scores([p.mean for p in levels], [p.spread for p in levels])
        ends = [min(max(score, BOTTOM), TOP) for score in scores]
        look = line_look(names, name) | {"markersize": 2.5, "linewidth": 1.1}
        axes.plot([p.x for p in levels], ends, label=name, clip_on=False, **look)
        first, last = (0.0 if abs(score) < TINY else score for score in (scores[0], scores[-1]))
        said.append(f"{name} {significant(first, 2)} to {significant(last, 2)}")
    found = verdicts(check, measure, exam)
    mark = "–" if not found else FAIL if any(one.failures for one in found) else PASS
    axes.set(title=f"{measure.name} {mark}", ylim=(BOTTOM, TOP))
    if check.log:
        axes.set_xscale("log")
        known = check.settings[0].levels
        named = (known[0], known[len(known) // 2], known[-1])
        axes.set_xticks(named, [f"{level:,.6g}" for level in named])
        axes.xaxis.set_minor_locator(NullLocator())
    return f"{measure.name} ({measure.kind}): {', '.join(said)}"
