"""Text of others in markdown: it is shown, and it does nothing."""

import html
import math
import re

import pytest
from fault_lab import examples
from hypothesis import example, given, settings, strategies as st
from markdown_it import MarkdownIt

from bench.results.format import (
    by,
    code,
    effect,
    link,
    measured,
    prose,
    shown,
    significant,
    table,
)
from bench.stats.tests import Difference
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


def difference(middle, low, high, *, is_ratio=True):
    ends = [math.log(x) if is_ratio else x for x in (middle, low, high)]
    return Difference(*ends, p=0.5, standard_error=1.0, df=4, is_ratio=is_ratio)


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        ((1.25, 0.00197, 796.1), "× 1.25 [0.0020, 796]"),
        ((8.83, 0.00124, 62_802.42), "× 8.83 [0.0012, 62,802]"),
        ((0.11, 0.0352, 0.28), "× 0.11 [0.035, 0.28]"),
        ((0.55, 0.4, 0.75), "× 0.55 [0.40, 0.75]"),
        ((1.39, 0.37, 5.22), "× 1.39 [0.37, 5.22]"),
    ],
)
def test_each_end_of_a_ratio_has_two_digits_at_least(of, expected):
    assert effect(difference(*of)) == expected


def test_factor_keeps_its_digits_beside_an_end_that_is_far_larger():
    assert by(difference(2.54, 1.02, 1_234.2)) == "by a factor of 2.5 [1.0, 1,234]"
    assert by(difference(9.41, 3.64, 24.3)) == "by a factor of 9.4 [3.6, 24.3]"
    assert by(difference(12.3, 0.04, 21.5, is_ratio=False)) == "by 12.3 [0.0, 21.5]"
