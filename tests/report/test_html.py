"""The report as one file: nothing outside of it is needed, and it reads well for all."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
from synthetic_study import FIGURES, IDENTITY, STUDY, drawing, pictures, troubled_records

from bench.report.html import to_html
from bench.report.writer import write_report

VOID = {"meta", "img", "br", "hr", "wbr"}


class Page(HTMLParser):
    """Tags with their attributes; fails where they are not nested."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.words = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module", params=FIGURES)
def written(request, tmp_path_factory):
    out = tmp_path_factory.mktemp("report")
    with drawing(request.param):
        write_report(STUDY, IDENTITY, troubled_records(), pictures(28, 2), out)
    return out


@pytest.fixture(scope="module")
def page(written):
    return Page((written / "report.html").read_text(encoding="utf-8"))


def test_page_needs_no_other_file_to_be_seen(written, page):
    figures = [p.read_bytes() for p in (written / "figures").iterdir()]
    inside = [base64.b64decode(image["src"].split(",", 1)[1]) for image in page.all("img")]
    assert sorted(inside) == sorted(figures)
    assert not page.all("link")
    assert page.all("script") == [{}]


def test_page_runs_its_own_script_alone(written):
    text = (written / "report.html").read_text(encoding="utf-8")
    script = text.split("<script>")[1].split("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")


def test_first_screen_is_open_and_every_later_section_is_folded(written):
    text = (written / "report.html").read_text(encoding="utf-8")
    screen, *folded = text.split("<details")
    assert 'class="screen"' in screen
    drawn = {path.stem for path in (written / "figures").iterdir()}
    assert screen.count("<img") == len({"factor_curve", "best_samples"} & drawn)
    assert "The question:" in screen
    assert "<table>" in screen
    sections = re.findall(r"<h2", text)
    assert len(folded) >= len(sections) - 1
    assert all(f"<summary>{head}" in text for head in re.findall(r"<h2[^>]*>", text)[1:])


def test_column_name_carries_what_the_glossary_says_of_it(page):
    titles = [cell.get("title", "") for cell in page.all("th")]
    assert any(title.startswith("fd_digits_n500: Frechet distance between 500") for title in titles)
    assert any("detectable: power" in title for title in titles)


def test_names_in_tables_may_break_and_stay_text():
    shown = to_html("# T\n\n| a |\n| --- |\n| `x_<b>` |\n\n`a_b`\n", {})
    assert "<code>x_<wbr>&lt;b&gt;</code>" in shown
    assert "<code>a_b</code>" in shown


def test_page_holds_every_table_heading_and_alternative_text_of_the_markdown(written, page):
    text = (written / "README.md").read_text(encoding="utf-8")
    assert len(page.all("table")) == len(re.findall(r"^\| ?-", text, re.MULTILINE))
    headings = [len(page.all(f"h{level}")) for level in (1, 2, 3)]
    outside = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    assert headings == [len(re.findall(rf"^#{{{i}}} ", outside, re.MULTILINE)) for i in (1, 2, 3)]
    alts = re.findall(r"!\[([^]]*)\]\(figures/", text)
    assert [image["alt"] for image in page.all("img")] == alts


def test_page_names_its_language_title_and_sections(page):
    assert page.all("html") == [{"lang": "en"}]
    assert "depth_sweep on digits (classroom tier)" in page.words
    ids = [attrs["id"] for level in ("h1", "h2", "h3") for attrs in page.all(level)]
    assert len(set(ids)) == len(ids)
    assert all(cell["scope"] == "col" for cell in page.all("th"))


@pytest.mark.slow
def test_page_is_byte_identical_when_repeated(request, written, tmp_path):
    with drawing(request.node.callspec.params["written"]):
        write_report(STUDY, IDENTITY, troubled_records()[::-1], pictures(28, 2), tmp_path)
    assert (tmp_path / "report.html").read_bytes() == (written / "report.html").read_bytes()


def test_words_of_a_run_cannot_become_tags(tmp_path):
    text = "# T\n\n| a |\n| --- |\n| <script>alert(1)</script> `<b>` |\n\n<img src=x>\n"
    shown = Page(to_html(text, {}))
    assert shown.all("script") == [{}]
    assert not shown.all("img")
    assert not shown.all("b")
    assert "<b>" in shown.words


@pytest.mark.parametrize(
    "address",
    ["figures/none.png", "../secret.txt", "http://192.0.2.1/x.png", "data:image/png;base64,AA"],
)
def test_picture_that_the_report_did_not_draw_becomes_its_words(address):
    shown = Page(to_html(f"![a long text]({address})", {"figures/one.png": b"png"}))
    assert shown.all("img") == []
    assert "(a long text)" in shown.words


@pytest.mark.parametrize(
    "address",
    [
        *(
            "javascript:alert(1)",
            "JAVASCRIPT:a",
            "vbscript:x",
            "data:text/html,x",
            "mailto:a@b",
            "a:b",
        ),
        *(
            "file:///etc/passwd",
            "/etc/passwd",
            "//192.0.2.1/x",
            "../../secret",
            "./../x",
            "\\\\h\\x",
        ),
    ],
)
def test_link_that_leaves_the_report_leads_nowhere(address):
    shown = Page(to_html(f"[text]({address}) <{address}>", {}))
    assert [link.get("href") for link in shown.all("a")] in ([], [None], [None, None])


@pytest.mark.parametrize(
    "address",
    [
        "#health",
        "runs.csv",
        "../calibration_digits/README.md",
        "http://h:5000/#/experiments/1/runs/a",
    ],
)
def test_link_of_the_report_leads_where_it_says(address):
    assert Page(to_html(f"[text]({address})", {})).all("a") == [{"href": address}]
