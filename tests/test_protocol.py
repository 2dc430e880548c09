"""PROTOCOL.md: every rule is held by tests that exist."""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TEXT = (HERE.parent / "PROTOCOL.md").read_text(encoding="utf-8")
RULES = dict(re.findall(r"^(\d+)\. (.*?)(?=^\d+\. |^## |\Z)", TEXT, re.MULTILINE | re.DOTALL))
TESTS = {
    name
    for path in HERE.rglob("test_*.py")
    for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
}


def test_rules_are_numbered_without_a_gap():
    assert [int(number) for number in RULES] == list(range(1, 28))


@pytest.mark.parametrize("number", RULES)
def test_rule_names_tests_that_exist(number):
    named = re.findall(r"`(test_\w+)`", RULES[number])
    assert named, f"rule {number} names no test"
    assert set(named) <= TESTS


@pytest.mark.parametrize("family", ["gan", "others", "vae", "wgan"])
def test_page_of_a_family_names_tests_that_exist(family):
    text = (HERE.parent / "docs" / "families" / f"{family}.md").read_text(encoding="utf-8")
    named = re.findall(r"`(test_\w+)`", text)
    assert named
    assert set(named) <= TESTS
