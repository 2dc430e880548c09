"""What was measured of one state, on one split and on two."""

import pytest

from bench.metrics._evaluate import Measured

VAL = Measured(
    values={"val/fd_digits_n297": 3.0, "val/elbo_x": 1.0},
    lacking={"frechet": "on both", "overlap": "on validation alone"},
    selection="fd_digits_n297",
)
TEST = Measured(
    values={"test/fd_digits_n500": 4.0},
    lacking={"frechet": "on test", "modes": "on test alone"},
    selection="fd_digits_n297",
)


def test_two_splits_have_the_values_of_both_and_lack_what_both_lack():
    both = VAL | TEST
    assert both.values == {**VAL.values, **TEST.values}
    assert both.lacking == {"frechet": "on both"}
    assert both.of("test") == {"fd_digits_n500": 4.0}
    assert (both.primary, both.value) == ("fd_digits_n297", 3.0)


@pytest.mark.parametrize("selection", ["", "fd_other_n297"])
def test_selection_without_a_value_has_no_name(selection):
    nothing = Measured(values=VAL.values, lacking={}, selection=selection)
    assert (nothing.primary, nothing.value) == ("", None)
