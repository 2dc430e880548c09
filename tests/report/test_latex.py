"""Tables for a paper: whole, escaped, with a caption that says how they were measured."""

import re
import shutil
import subprocess

import pytest
from synthetic_study import IDENTITY, STUDY, study_records, troubled_records

from bench.report.latex import BIBLIOGRAPHY, TABLES, escaped, latex, write_latex
from bench.results.results import read_results

DOCUMENT = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage{booktabs}
\usepackage{graphicx}
\begin{document}
\input{tables}
\bibliographystyle{plain}
\bibliography{cite}
\end{document}
"""


def results_of(records):
    return read_results(STUDY, IDENTITY, records, lambda _run_id, _name: None)


@pytest.fixture(scope="module")
def made():
    return latex(results_of(troubled_records()))


def depth(text):
    """Of the braces that are no letters, at the end; fails where one closes that none opened."""
    level = 0
    for sign in re.sub(r"\\[{}\\]", "", text):
        level += {"{": 1, "}": -1}.get(sign, 0)
        assert level >= 0
    return level


def test_braces_floats_and_rules_are_whole(made):
    text = made[TABLES]
    assert depth(text) == 0
    tables = text.count(r"\begin{table}")
    assert tables >= 4
    for mark in (
        r"\end{table}",
        r"\toprule",
        r"\midrule",
        r"\bottomrule",
        r"\caption{",
        r"\label{",
    ):
        assert text.count(mark) == tables
    labels = re.findall(r"\\label\{([^}]*)\}", text)
    assert len(set(labels)) == tables


def test_every_row_has_the_cells_of_its_header(made):
    for aligned, body in re.findall(
        r"\\begin\{tabular\}\{([lr]+)\}\n(.*?)\\end\{tabular\}", made[TABLES], re.DOTALL
    ):
        rows = [line for line in body.splitlines() if line.endswith(r"\\")]
        assert len(rows) > 1
        assert {len(re.findall(r"(?<!\\)&", row)) + 1 for row in rows} == {len(aligned)}


def test_values_have_their_intervals_and_captions_the_protocol(made):
    text = made[TABLES]
    assert re.search(r"\\texttt\{gan\} & .*6\.\d\d \[\d\.\d\d, \d\.\d\d\]", text)
    for caption in re.findall(r"\\caption\{(.*)\}\n", text):
        assert "24,000 real images of digits per run" in caption
        assert r"[95\,\% Student t interval]" in caption
        assert r"Holm-corrected~\cite{holm1979}" in caption


def test_every_key_that_is_cited_is_in_the_bibliography_and_no_other(made):
    cited = {
        key for keys in re.findall(r"\\cite\{([^}]*)\}", made[TABLES]) for key in keys.split(",")
    }
    entries = re.findall(
        r"^@(\w+)\{([^,]+),\n((?:  \w+ = \{.*\},?\n)+)\}", made[BIBLIOGRAPHY], re.MULTILINE
    )
    assert made[BIBLIOGRAPHY].count("@") == len(entries)
    keys = {key for _, key, _ in entries}
    assert cited <= keys
    assert {"bench", "heusel2017", "kingma2014", "arjovsky2017"} <= keys
    assert "ho2020" not in keys
    for _, _, fields in entries:
        assert depth(fields) == 0
        assert {"title", "author"} <= set(re.findall(r"^  (\w+) =", fields, re.MULTILINE))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a_b & c", r"a\_b \& c"),
        ("5 % of {x}$", r"5 \% of \{x\}\$"),
        ("\\input{x}", r"\textbackslash{}input\{x\}"),
        ("-1.5, f-1", r"$-$1.5, f-1"),
        ("× 2 ↓", r"$\times$ 2 $\downarrow$"),
        ("\N{SNOWMAN}", "?"),
    ],
)
def test_text_is_shown_as_it_is(text, shown):
    assert escaped(text) == shown


def test_study_without_a_value_has_no_table_and_no_error():
    records = [r for r in study_records() if r.tags["role"] == "baseline"][:1]
    assert depth(latex(results_of(records))[TABLES]) == 0


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX here")
def test_document_with_the_tables_compiles(tmp_path):
    write_latex(results_of(troubled_records()), tmp_path)
    (tmp_path / "paper.tex").write_text(DOCUMENT, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    bib = subprocess.run(
        ["bibtex", "paper"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert bib.returncode == 0, bib.stdout
    assert "warning" not in bib.stdout.lower().replace("warning--empty year in bench", "").replace(
        "(there was 1 warning)", ""
    )
