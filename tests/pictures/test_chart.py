"""Every mark and bar stands where its numbers say, in its colour."""

import numpy as np
import pytest

from bench.palette import COLOURS
from bench.pictures._chart import (
    BAR,
    HIGH,
    LEFT,
    SIDE,
    TOP,
    Frame,
    bars,
    round_step,
    scatter,
    spans,
    tick_texts,
)

SQUARE = slice(TOP, TOP + SIDE), slice(LEFT, LEFT + SIDE)
AXES = ("x", "y")


def colour(label):
    text = COLOURS[label % 10].lstrip("#")
    return [int(text[i : i + 2], 16) for i in (0, 2, 4)]


def centre_of(picture, label):
    """Mean position of the pixels of a class' colour inside the square, ``(x, y)``."""
    ys, xs = (picture[SQUARE] == colour(label)).all(axis=2).nonzero()
    return xs.mean(), ys.mean()


def test_frame_is_a_square_around_the_points():
    frame = Frame.around(np.array([[0.0, 10.0], [4.0, 11.0], [1.0, 10.5]]))
    assert frame.span == pytest.approx(4.4)
    assert frame.low == pytest.approx((-0.2, 8.3))
    assert Frame.around(np.full((3, 2), 7.0)).span == 1.0


def test_frame_puts_the_first_axis_to_the_right_and_the_second_upwards():
    frame = Frame((-1.0, -1.0), 2.0)
    corners = frame.pixels(np.array([[-1.0, -1.0], [1.0, 1.0], [0.0, 0.5]]))
    assert corners.tolist() == [[0, SIDE], [SIDE, 0], [SIDE / 2, SIDE / 4]]


@pytest.mark.parametrize(
    ("most", "step"), [(1.0, 1), (1.9, 1), (2.0, 2), (4.9, 2), (5.0, 5), (0.03, 0.02), (730, 500)]
)
def test_steps_between_ticks_are_1_2_or_5_times_a_power_of_ten(most, step):
    assert round_step(most) == pytest.approx(step)


@pytest.mark.parametrize(("low", "span"), [(-3.3, 6.6), (0.0, 1.0), (-0.001, 0.0037), (40.0, 990)])
def test_ticks_are_round_numbers_inside_the_frame(low, span):
    ticks = Frame((low, 0.0), span).ticks(0)
    assert 4 <= len(ticks) <= 10
    assert low <= ticks[0]
    assert ticks[-1] <= low + span
    assert np.diff(ticks) == pytest.approx(round_step(span / 4))


def test_tick_texts_have_the_decimals_of_their_distance():
    assert tick_texts([-1.0, 0.0, 1.0]) == ["-1", "0", "1"]
    assert tick_texts([-0.0, 0.5]) == ["0.0", "0.5"]
    assert tick_texts([0.02, 0.04]) == ["0.02", "0.04"]


def test_points_stand_where_their_numbers_say_in_the_colour_of_their_class():
    corners = np.array([[0.0, 0.0], [10.0, 10.0]])
    spread = np.array([[2.0, 4.0], [8.0, 4.0]])
    # Three classes of two points each: the number at their median covers no point.
    points = np.concatenate([corners, spread, spread + np.array([0.0, 4.0])])
    classes = np.array([0, 0, 1, 1, 9, 9])
    picture = scatter(points, classes, axes=AXES)
    assert picture.dtype == np.uint8
    frame = Frame.around(points)
    for label in (0, 1, 9):
        expected = frame.pixels(points[classes == label]).mean(0)
        assert centre_of(picture, label) == pytest.approx(expected, abs=1.0)


def test_legend_names_the_classes_that_are_there():
    points = np.random.default_rng(0).normal(size=(30, 2))
    picture = scatter(points, np.arange(30) % 3, axes=AXES)
    legend = picture[:, LEFT + SIDE + 1 :]
    shown = [label for label in range(10) if (legend == colour(label)).all(axis=2).any()]
    assert shown == [0, 1, 2]


def test_classes_beyond_ten_have_another_shape_in_the_same_colour():
    points = np.array([[0.0, 0.0], [1.0, 1.0]])
    round_mark, square_mark = (
        (scatter(points, np.array([label, label]), axes=AXES) == colour(label)).all(axis=2).sum()
        for label in (3, 13)
    )
    assert round_mark != square_mark
    wide = scatter(np.zeros((100, 2)), np.arange(100), axes=AXES)
    assert wide.shape[1] > scatter(points, np.array([0, 1]), axes=AXES).shape[1]


def test_ten_colours_are_all_different():
    assert len(set(COLOURS)) == 10


def heights(picture, count):
    """Pixels of each bar, counted at its middle."""
    colour = [int(BAR[i : i + 2], 16) for i in (1, 3, 5)]
    middles = [round((left + right) / 2) for left, right in spans(count)]
    return (picture[TOP : TOP + HIGH, middles] == colour).all(axis=2).sum(0)


def test_bars_are_as_high_as_their_numbers_from_left_to_right():
    values = np.array([4.0, 1.0, 0.0, 2.0])
    found = heights(bars(values, axes=("x", "y")), 4)
    # The field ends 5 % above the largest.
    assert found == pytest.approx(values / 4.2 * HIGH, abs=2)
    assert LEFT < spans(4)[0][0] < spans(4)[3][1] < LEFT + 440


def test_bars_of_nothing_but_zeros_are_empty():
    assert heights(bars(np.zeros(3), axes=("x", "y")), 3).tolist() == [0, 0, 0]
