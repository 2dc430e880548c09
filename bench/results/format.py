"""Numbers as the report prints them, and markdown tables."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from urllib.parse import quote

from bench.measures import MeasureName, Scale, centre, scale_of
from bench.stats.tests import SEEDS_FOR_INTERVAL, Difference, t_interval
from bench.text import one_line, printable, without_password

MISSING = "–"
"""Stands where a value is still to come or was lost."""

NOT_APPLICABLE = "n/a"

FEW_SEEDS, LOST_RUNS, BELOW_GAUSSIAN = "§", "‡", "†"

MARKS = {
    BELOW_GAUSSIAN: (
        "does not beat the Gaussian fitted to the training images: its interval (below three seeds, each run) "
        "is not wholly below"
    ),
    LOST_RUNS: "mean without the runs that diverged or failed, which have no value",
    FEW_SEEDS: "fewer than three seeds: no interval",
}


_CODE = re.compile(r"(?<!`)((`+)(?!`).+?(?<!`)\2(?!`))")

_ACTIVE = re.compile(r"[\\`*<~]|(?<![^\W_])_|_(?![^\W_])|\](?=[(:\[]|$)|&(?=#?\w+;)")
"""What markdown may take for more than a letter: all that opens a link, a tag or an entity."""

_BLOCK = re.compile(r"^(?=>|[#+-](?:[#+-]|\s|$)|=+$)|^(\d{1,9})(?=[.)](?:\s|$))")
"""The beginning of a heading, a quotation, a list or a line."""

_PIPE = re.compile(r"(\\*)\|")


def significant(value: float, digits: int = 3) -> str:
    """``digits`` significant digits, of a whole number every one: 145, 12.3, 0.900, 12,345."""
    return _fixed(value, _decimals(value, digits))


def nats(value: float) -> str:
    """One decimal."""
    return f"{value:,.1f}"


def share(value: float) -> str:
    """Two decimals."""
    return f"{value:.2f}"


def count(value: float) -> str:
    """A whole number with thousands separators."""
    return f"{value:,.0f}"


def seconds(value: float) -> str:
    """One decimal below a hundred."""
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def p_value(value: float) -> str:
    """``p = 0.012``, or ``p < 0.001``."""
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def bare_p(value: float) -> str:
    """The same in a column of p: ``0.012``, or ``< 0.001``."""
    return p_value(value).removeprefix("p = ").removeprefix("p ")


def shown(metric: str, value: float) -> str:
    """One value, rounded as every report rounds that measure."""
    return _fixed(value, _places(metric, value))


def measured(
    metric: str, values: Sequence[float], *, num_lost: int = 0, most: float = math.inf
) -> str:
    """``6.12 [5.30, 6.94]`` with the marks it needs, on the measure's scale (protocol rule 20).

    Args:
        metric: Whose values they are.
        values: One for each seed.
        num_lost: Runs that have none.
        most: What a count cannot exceed: classes, or latents.
    """
    scale = scale_of(metric)
    places = _places(metric, centre(values, scale)) if values else 0
    return with_interval(values, scale, places, num_lost=num_lost, most=most)


def with_interval(
    values: Sequence[float],
    scale: Scale,
    places: int,
    *,
    num_lost: int = 0,
    most: float = math.inf,
) -> str:
    """Mean and interval with that many decimals; ``MISSING`` without values."""
    if not values:
        return MISSING
    interval = t_interval(values, scale)
    text = _fixed(interval.mean, places)
    if interval.low is not None and interval.high is not None:
        text += f" [{_fixed(interval.low, places)}, {_fixed(min(interval.high, most), places)}]"
    marks = LOST_RUNS * (num_lost > 0) + FEW_SEEDS * (interval.n < SEEDS_FOR_INTERVAL)
    return f"{text} {marks}".rstrip()


def _places(metric: str, value: float) -> int:
    """Decimals of a measure: its own, else as three significant digits have them."""
    own = MeasureName.parse(metric).known.decimals
    return _decimals(value, 3) if own is None else own


def bounds(d: Difference) -> tuple[float, float, float]:
    """The difference, or the ratio, and the ends of its interval."""
    found = (d.difference, d.low, d.high)
    return (math.exp(found[0]), math.exp(found[1]), math.exp(found[2])) if d.is_ratio else found


def effect(d: Difference) -> str:
    """``12.3 [3.1, 21.5]``, or of a ratio ``× 0.55 [0.40, 0.75]``."""
    return _with_ends(*bounds(d), is_ratio=d.is_ratio, sign="× " if d.is_ratio else "")


def by(d: Difference) -> str:
    """How much the larger mean exceeds the other: ``by 12.3 [...]``, or ``by a factor of ...``."""
    text = _with_ends(*bounds(d if d.difference >= 0 else -d), is_ratio=d.is_ratio)
    return f"by a factor of {text}" if d.is_ratio else f"by {text}"


def size(d: Difference, amount: float) -> str:
    """An amount as the difference is measured: ``a factor of 1.61``, or the bare number."""
    return f"a factor of {significant(math.exp(amount))}" if d.is_ratio else significant(amount)


def _with_ends(middle: float, low: float, high: float, *, is_ratio: bool, sign: str = "") -> str:
    """A ratio to two digits below 1, else three digits for the largest of the three.

    Of a ratio and its ends, which may lie powers of ten apart, each has two digits at least and no
    decimals beyond three digits.
    """
    largest = middle if sign else max(abs(middle), abs(low), abs(high))
    decimals = _decimals(largest, 2 if sign and middle < 0.995 else 3)

    def text(value: float) -> str:
        own = max(_decimals(value, 2), min(decimals, _decimals(value, 3)))
        return _fixed(value, own if is_ratio else decimals)

    return f"{sign}{text(middle)} [{text(low)}, {text(high)}]"


def span(values: Iterable[float], show: Callable[[float], str] = count) -> str:
    """One value, or ``low to high`` where they differ; ``MISSING`` without values."""
    known = sorted(set(values))
    if not known:
        return MISSING
    low, high = show(known[0]), show(known[-1])
    return low if low == high else f"{low} to {high}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1) -> str:
    """A markdown table, the first ``left`` columns aligned left and the others right."""
    rules = ["---" if i < left else "---:" for i in range(len(header))]
    lines = [header, rules, *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def footnotes(*texts: str) -> str:
    """The meaning of the marks that occur in ``texts``, one line; empty without any."""
    used = [f"{mark} {said}" for mark, said in MARKS.items() if any(mark in t for t in texts)]
    return "; ".join(used) + "." if used else ""


def join(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def plural(number: int, noun: str) -> str:
    """``1 run``, ``1,200 runs``."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def _decimals(value: float, digits: int) -> int:
    rounded = float(f"{value:.{digits - 1}e}")
    if rounded == 0:
        return 0
    return max(0, digits - 1 - math.floor(math.log10(abs(rounded))))


def _fixed(value: float, decimals: int) -> str:
    text = f"{value:,.{decimals}f}"
    return text.removeprefix("-") if float(text.replace(",", "")) == 0 else text


def code(text: str) -> str:
    """The text as code in markdown, whatever is in it."""
    shown = one_line(text)
    if "`" not in shown:
        return f"`{shown}`"
    fence = "`" * (1 + max(map(len, re.findall("`+", shown))))
    return f"{fence} {shown} {fence}"


def prose(text: str) -> str:
    """The text as one line of markdown that shows nothing but this text; code in it stays code."""
    pieces = _CODE.split(
        printable(text).replace("\n", " ").strip()
    )  # text, code, its fence, text, ...
    pieces[::3] = (_ACTIVE.sub(r"\\\g<0>", each) for each in pieces[::3])
    del pieces[2::3]
    return _BLOCK.sub(r"\1\\", "".join(pieces))


def link(address: str) -> str:
    """An address as a link's target."""
    return quote(without_password(address), safe=":/?#@!$&'*+,;=%~")


def _cell(text: str) -> str:
    return _PIPE.sub(_escaped, text).replace("\n", " ")


def _escaped(found: re.Match[str]) -> str:
    """A bar in a cell; a backslash before it that is not doubled would free it."""
    return f"{found[1]}&#124;" if len(found[1]) % 2 else f"{found[1]}\\|"
