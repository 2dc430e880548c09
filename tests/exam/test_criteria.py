"""What passes and what fails a criterion, on curves made by hand."""

import pytest

from bench.exam.criteria import Scored, bell, either, falls, level, near, rises

LEVELS = (0.0, 1.0, 2.0, 3.0, 4.0)


def failure(criterion, *scores):
    return criterion.judge(Scored(LEVELS, scores)).failure


def test_value_is_met_to_within_a_twentieth():
    assert failure(near(1, "first"), 0.95, 0, 0, 0, 0) == ""
    assert failure(near(1, "first"), 1.05, 0, 0, 0, 0) == ""
    assert failure(near(1, "first"), 0.94, 0, 0, 0, 0) == "is 0.94 at the first level, not 1"
    assert failure(near(0, "last"), 1, 1, 1, 1, 0.06) == "is 0.060 at the last level, not 0"
    assert failure(near(1, 2.0), 0, 0, 0.5, 0, 0) == "is 0.50 at 2, not 1"


@pytest.mark.parametrize(
    ("scores", "failed"),
    [
        ((0, 0.5, 1, 0.5, 0), ""),
        ((0.8, 0.9, 1, 0.9, 0.8), ""),  # 0.2 lower at both ends
        ((0.81, 0.9, 1, 0.9, 0), "is only 0.19 higher at 2 than at an end"),
        ((0, 1, 0.89, 0.5, 0), "is highest elsewhere than at 2"),
        ((0, 1, 0.9, 0.5, 0), ""),
        ((0.5, 0, 1, 0.5, 0.4), "is lowest between its ends"),
        ((0.5, 0.4, 1, 0.3, 0.4), ""),  # one end is the lowest to within 0.1
    ],
)
def test_bell_is_highest_at_its_top_and_falls_to_both_ends(scores, failed):
    assert failure(bell(2.0), *scores) == failed


@pytest.mark.parametrize(
    ("scores", "failed"),
    [
        ((1, 0.9, 0.5, 0.1, 0), ""),
        ((0.2, 0.2, 0.2, 0.2, 0), ""),
        ((1, 1, 1, 1, 0.81), "does not fall (0.19 between its ends)"),
        (
            (0.5, 1, 0.5, 0.1, 0),
            "does not fall throughout: it is highest or lowest between its ends",
        ),
        (
            (1, 0.9, 0, 0.1, 0.2),
            "does not fall throughout: it is highest or lowest between its ends",
        ),
    ],
)
def test_curve_that_falls_has_its_highest_place_first_and_its_lowest_last(scores, failed):
    assert failure(falls(), *scores) == failed
    turned = failure(rises(), *scores[::-1])
    assert turned == failed.replace("fall", "rise")


def test_curve_must_fall_early_where_that_is_asked():
    assert failure(falls(by=1.0), 1, 0.9, 0.5, 0, 0) == ""
    assert failure(falls(by=1.0), 1, 0.95, 0.5, 0, 0) == "has not fallen by 0.1 at 1"


def test_level_curve_moves_by_a_twentieth_at_most_and_from_a_level_on():
    assert failure(level(), 0.5, 0.55, 0.52, 0.5, 0.5) == ""
    assert failure(level(), 0.5, 0.56, 0.5, 0.5, 0.5) == "moves by 0.060"
    assert failure(level(since=2.0), 0, 1, 0.5, 0.5, 0.5) == ""
    assert failure(level(since=5.0), 0, 1, 0.5, 0.5, 0.5) == "was not measured from 5 on"


def test_measure_of_diversity_may_be_read_as_low_or_as_high():
    criterion = either(low=near(0, "last"), high=near(1, "last"))
    assert criterion.judge(Scored(LEVELS, (1, 1, 1, 1, 0))).reading == "low"
    assert criterion.judge(Scored(LEVELS, (1, 1, 1, 1, 1))).reading == "high"
    assert failure(criterion, 1, 1, 1, 1, 0.5) == (
        "is 0.50 at the last level, not 0, and is 0.50 at the last level, not 1"
    )
