r"""``tables.tex`` and ``cite.bib``: the report's tables for a paper, with what a caption must say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

import bench
from bench.dataset_names import short_name
from bench.report.sections import SECTIONS
from bench.report.sections.budget import budget
from bench.report.sections.provenance import published_flags
from bench.results.decisions import comparisons
from bench.results.format import plural
from bench.results.results import Results
from bench.results.summary import completeness

TABLES, BIBLIOGRAPHY = "tables.tex", "cite.bib"

_SHOWN = {
    "The scale of the distance": "scale",
    "Families at their chosen cell": "families",
    "Comparisons": "comparisons",
    "Trends": "trends",
    "Every measure": "measures",
}
"""Section to the end of its table's label."""

_WIDE = 5
"""Columns from which on a table is shrunk to the width of the text."""

_ESCAPES = {
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "×": r"$\times$",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
    "–": "--",
    "§": r"\S{}",
    "¶": r"\P{}",
    "†": r"\dag{}",
    "‡": r"\ddag{}",
}
_ACTIVE = re.compile("|".join(map(re.escape, _ESCAPES)))
_MINUS = re.compile(r"(?<![\w-])-(?=\d)")

_HEAD = r"""%% Written by `bench report %s --latex`: \input it in a document with
%% \usepackage[T1]{fontenc}, \usepackage{booktabs} and \usepackage{graphicx}.
"""


def latex(results: Results) -> dict[str, str]:
    """File name to text: the tables, and the entries that their captions cite."""
    cited = _cited(results)
    made = [_table(results, title, end, cited) for title, end in _SHOWN.items()]
    head = _HEAD % published_flags(results)
    return {
        TABLES: "\n".join([head, *filter(None, made)]),
        BIBLIOGRAPHY: _entries(["bench", *cited]),
    }


def write_latex(results: Results, out: Path) -> None:
    """Writes ``tables.tex`` and ``cite.bib`` into a report's folder."""
    for name, text in latex(results).items():
        (out / name).write_text(text, encoding="utf-8", newline="\n")


def escaped(text: str) -> str:
    """Plain text as LaTeX shows it; what has no sign in Latin letters becomes a question mark."""
    said = _MINUS.sub("\0", text)
    said = _ACTIVE.sub(lambda found: _ESCAPES[found[0]], said).replace("\0", "$-$")
    return "".join(letter if ord(letter) < 0x180 else "?" for letter in said)


def _table(results: Results, title: str, end: str, cited: Sequence[str]) -> str:
    """A float with booktabs rules, a caption that states the protocol, and the section's notes."""
    tokens = MarkdownIt("commonmark").enable("table").parse(SECTIONS.get(title).words(results))
    rows, notes = _rows(tokens), _notes(tokens)
    if not rows:
        return ""
    header, *body = rows
    aligned = "".join("r" if right else "l" for _, right in header)
    inside = "\n".join(
        [
            rf"\begin{{tabular}}{{{aligned}}}",
            r"\toprule",
            _line(header),
            r"\midrule",
            *map(_line, body),
            r"\bottomrule",
            r"\end{tabular}",
        ]
    )
    if len(header) > _WIDE:
        inside = f"\\resizebox{{\\linewidth}}{{!}}{{%\n{inside}}}"
    return "\n".join(
        [
            r"\begin{table}[htbp]",
            r"\centering\small",
            rf"\caption{{{escaped(title)}. {_protocol(results, cited)}}}",
            rf"\label{{tab:{_label(results.study.name)}:{end}}}",
            inside,
            *([rf"\par\medskip\footnotesize\raggedright {notes}"] if notes else []),
            r"\end{table}",
            "",
        ]
    )


def _label(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", text)


def _line(cells: Sequence[tuple[str, bool]]) -> str:
    return " & ".join(text for text, _ in cells) + r" \\"


def _rows(tokens: Sequence[Token]) -> list[list[tuple[str, bool]]]:
    """The first table: each row's cells as LaTeX, and whether they stand at the right."""
    rows: list[list[tuple[str, bool]]] = []
    for token, inline in pairwise(tokens):
        if token.type == "table_close":
            break
        if token.type == "tr_open":
            rows.append([])
        if token.type in {"th_open", "td_open"}:
            rows[-1].append((_words(inline), "right" in str(token.attrGet("style"))))
    return rows


def _notes(tokens: Sequence[Token]) -> str:
    """The paragraphs under the table."""
    texts = [_words(inline) for token, inline in pairwise(tokens) if token.type == "paragraph_open"]
    return " ".join(texts)


def _words(inline: Token) -> str:
    marks = {"strong_open": r"\textbf{", "strong_close": "}", "em_open": r"\emph{", "em_close": "}"}
    said = []
    for child in inline.children or []:
        if child.type == "code_inline":
            said.append(rf"\texttt{{{escaped(child.content)}}}")
        else:
            said.append(marks.get(child.type, escaped(child.content)))
    return "".join(said)


def _protocol(results: Results, cited: Sequence[str]) -> str:
    """What a reader must know to read any of the tables."""
    seeds = completeness(results).seeds
    pairs = comparisons(results)
    tested = (
        f" Compared by Welch's test~\\cite{{welch1947}}, arms of one model seed by seed, "
        f"Holm-corrected~\\cite{{holm1979}} over {plural(len(pairs), 'comparison')}."
        if pairs
        else ""
    )
    papers = ",".join(key for key in cited if key in _OF_MEASURES.values())
    cite = f"~\\cite{{{papers}}}" if papers else ""
    said = _words(MarkdownIt("commonmark").parse(budget(results) or "-")[1])
    return (
        f"{said} Test split of {escaped(short_name(results.identity.dataset))}, opened after training; each "
        "family at the cell that validation chose; last checkpoint unless said otherwise. Mean over "
        f"{plural(len(seeds), 'seed')} [95\\,\\% Student t interval], of a Fr\\'echet distance the "
        f"geometric mean with its interval on a log scale{cite}.{tested} Made with "
        "\\texttt{bench}~\\cite{bench}."
    )


_OF_MEASURES = {
    "fd": "heusel2017",
    "fid": "heusel2017",
    "kd": "binkowski2018",
    "kid": "binkowski2018",
    "precision": "kynkaanniemi2019",
    "recall": "kynkaanniemi2019",
    "density": "naeem2020",
    "coverage": "naeem2020",
}

_OF_MODELS = {
    "vae": "kingma2014",
    "vae_linear": "kingma2014",
    "vae_mlp": "kingma2014",
    "gan": "goodfellow2014",
    "gan_mlp": "goodfellow2014",
    "wgan": "arjovsky2017",
    "realnvp": "dinh2017",
    "pixelcnn": "oord2016",
    "ddpm": "ho2020",
    "vae_gan": "larsen2016",
    "vae_gan_mlp": "larsen2016",
    "cgan": "mirza2014",
}

_OF_DATA = {"mnist": "lecun1998"}


def _cited(results: Results) -> list[str]:
    """Keys of what a table of this report rests on, sorted."""
    measures = {name.measure for name in results.measured if name.split == "test"}
    models = {run.tags.model for run in results.arm_runs}
    keys = {_OF_MEASURES[name] for name in measures if name in _OF_MEASURES}
    keys |= {_OF_MODELS[name] for name in models if name in _OF_MODELS}
    keys |= {_OF_DATA[name] for name in {results.identity.dataset} if name in _OF_DATA}
    if any(run.param("model.lipschitz") == "gradient_penalty" for run in results.arm_runs):
        keys.add("gulrajani2017")
    return sorted(keys | ({"welch1947", "holm1979"} if comparisons(results) else set()))


def _entries(keys: Sequence[str]) -> str:
    """The entries of those keys, in the order of ``papers.bib``."""
    text = files("bench.report").joinpath("papers.bib").read_text(encoding="utf-8")
    entries = re.split(r"\n(?=@)", text.strip().replace("VERSION", bench.__version__))
    wanted = [entry for entry in entries if entry.partition("{")[2].partition(",")[0] in keys]
    return "\n".join([*wanted, ""])
