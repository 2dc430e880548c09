"""Text of others in markdown: it is shown, and it does nothing."""

import html
import re

import pytest
from fault_lab import examples
from hypothesis import example, given, settings, strategies as st
from markdown_it import MarkdownIt

from bench.results.format import code, link, measured, prose, shown, significant, table
from bench.text import printable

PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])

PIECES = [*"![]()<>`*_~|\\&#+-=.:'\"/\n 1ax", "http://h", "&lt;", "é", "\x1b", "\u202e"]
HOSTILE = st.lists(st.sampled_from(PIECES), max_size=20).map("".join)


def rendered(markdown):
    """The words that a page shows, and the tags that it has."""
    page = PARSER.render(markdown)
    words = html.unescape(re.sub("<[^>]*>", "", page))
    return " ".join(words.split()), {*re.findall("<([a-z0-9]+)", page)}


@given(HOSTILE)
@example("- x")
@example("12) x")
@example("[a]: http://h")
@example("``` x")
@settings(max_examples=examples(3_000))
def test_text_as_prose_shows_its_letters_and_makes_nothing_but_code(text):
    words, tags = rendered(prose(text))
    assert tags <= {"p", "code"}
    if "`" not in text:
        assert words == " ".join(printable(text).split())


@given(HOSTILE)
@settings(max_examples=examples(3_000))
def test_text_as_code_shows_its_letters(text):
    words, tags = rendered(f"a {code(text)} b")
    if text.strip():
        assert tags == {"p", "code"}
        assert words == " ".join(f"a {printable(text)} b".replace("\n", "\\n").split())


@given(st.lists(HOSTILE, min_size=3, max_size=3))
@settings(max_examples=examples(3_000))
def test_text_in_a_table_stays_in_its_cell(texts):
    page = PARSER.render(
        table(["a", "b", "c"], [[prose(t) for t in texts], [code(t) for t in texts]])
    )
    assert page.count("<td") == 6
    assert page.count("<tr") == 3
    assert not re.search("<(a|img|script|h1|blockquote|li)", page)


@pytest.mark.parametrize(
    "text",
    ["FID 29.3 in [-1, 1] of sigma^2", "`kl_weight` of kl_weight, n_critic", "1.5 x 2", "-0.5"],
)
def test_ordinary_words_stay_as_they_are(text):
    assert prose(text) == text


def test_address_of_a_link_ends_where_it_ends_and_names_nobody():
    assert (
        link("http://me:pw@h:5000/#/experiments/1/runs/a") == "http://h:5000/#/experiments/1/runs/a"
    )
    assert link("http://h/a) b\n<c>") == "http://h/a%29%20b%0A%3Cc%3E"


def test_a_value_is_rounded_alike_wherever_it_stands():
    distance = "test/fd_mnist_n10000"
    assert shown(distance, 1096.4) == significant(1096.4) == "1,096"
    assert measured(distance, [1096.4]).startswith("1,096 ")
    assert [significant(v) for v in (145.2, 12.34, 0.8999, 9.996)] == [
        "145",
        "12.3",
        "0.900",
        "10.0",
    ]
    assert measured("test/recall_mnist_n10000", [0.5]).startswith(shown("test/recall", 0.5))


def test_distance_is_shown_by_its_geometric_mean():
    assert measured("test/fd_mnist_n10000", [90.0, 100.0, 1000.0]).startswith("208 [")
