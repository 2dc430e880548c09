"""A report of texts that want to be more than text."""

import csv
import dataclasses
import html
import io
import re

import pytest
from markdown_it import MarkdownIt
from synthetic_study import FIGURES, IDENTITY, STUDY, drawing, pictures, troubled_records

from bench.plan.study import Study
from bench.report.html import _SCRIPT
from bench.report.writer import write_report

EVIL = (
    "![look](../../secret.txt) ![far](http://192.0.2.1/x.png) [click](javascript:alert(1)) "
    "<script>alert(2)</script> <img src=x onerror=y> a|b `c *d* \x1b[31m\u202e $x_{"
)
ARM = "gan`|<b>[x](http://192.0.2.1)$_{"
LETTERS = html.escape("<script>alert(2)</script>")


@pytest.fixture(scope="module", params=FIGURES)
def written(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")
    (folder / "secret.txt").write_text("top secret")
    claim = {
        "reported": EVIL, "protocol": EVIL, "measure": "distance", "arms": ("vae", ARM), "differs": EVIL
    }  # fmt: skip
    arms = [
        {**arm.model_dump(), "name": ARM if arm.name == "gan" else arm.name} for arm in STUDY.arms
    ]
    study = {
        **STUDY.model_dump(),
        "arms": arms,
        "question": EVIL,
        "notes": (EVIL,),
        "claims": (claim,),
    }
    records = [evil(record) for record in troubled_records()]
    out = folder / "x" / "y" / "report"
    with drawing(request.param):
        write_report(Study(**study), IDENTITY, records, pictures(28, 2), out)
    return out


def evil(record):
    """The record with evil words in each tag that is shown."""
    tags = {
        key: ARM if value == "gan" and key == "family" else value
        for key, value in record.tags.items()
    }
    if "reason" in tags:
        tags["reason"] = EVIL
    return dataclasses.replace(record, tags={**tags, "git_commit": EVIL, "note": f"={EVIL}"})


def test_page_shows_the_words_and_runs_loads_and_embeds_nothing_of_theirs(written):
    page = (written / "report.html").read_text(encoding="utf-8")
    ours, *theirs = page.split(f"<script>{_SCRIPT}</script>")
    assert len(theirs) == 1
    assert not re.search(r"<(script|b|em|iframe|object|link)\b", "".join([ours, *theirs]))
    assert page.count(LETTERS) >= 6
    sources = re.findall(r'<img[^>]* src="([^"]{30})', page)
    assert len(sources) == len(list((written / "figures").iterdir()))
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    links = re.findall(r'<a href="([^"]*)"', page)
    assert all(re.fullmatch(r"#.*|runs\.csv", target) for target in links), links
    assert "default-src 'none'" in page
    assert not {"\x1b", "\u202e"} & set(page)


def test_markdown_holds_the_words_as_text_for_any_reader(written):
    text = (written / "README.md").read_text(encoding="utf-8")
    page = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text)
    headings = {"h1", "h2", "h3", "blockquote", "p", "strong", "code", "pre", "ul", "li"}
    tables = {"table", "thead", "tbody", "tr", "th", "td"}
    assert {*re.findall("<([a-z0-9]+)", page)} == {*headings, *tables, "img", "a"}
    assert page.count(LETTERS) >= 6
    assert all(source.startswith("figures/") for source in re.findall('<img src="([^"]*)"', page))
    assert set(re.findall('<a href="([^"]*)"', page)) == {"runs.csv"}


def test_table_of_runs_holds_the_words_as_text(written):
    rows = list(csv.reader(io.StringIO((written / "runs.csv").read_text(encoding="utf-8"))))
    assert len({len(row) for row in rows}) == 1
    assert any(cell.startswith("'=![look]") for row in rows for cell in row)
