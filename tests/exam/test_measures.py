"""Values of the measures that sit the exam, and how they become scores."""

import pytest
import torch

from bench.distances.frechet import frechet_to
from bench.distances.kernel import mmd_squared
from bench.exam.checks import Check, Setting, of_all
from bench.exam.criteria import near
from bench.exam.measures import EXAMINED, PAIRED, Examined, values
from bench.exam.numbers import Answer, Exam, Level
from bench.exam.sitting import sit
from bench.exam.verdict import verdicts
from bench.measures import MEASURES
from bench.runtime import generator

BY_NAME = {measure.name: measure for measure in EXAMINED}


def points(n, dim, seed=0):
    return torch.randn(n, dim, generator=generator(seed), dtype=torch.float64)


def test_every_measure_that_sits_has_a_name_of_a_value_and_is_computed():
    assert set(BY_NAME) <= set(MEASURES)
    assert set(values(points(300, 2), points(300, 2, 1))) == set(BY_NAME)
    assert set(values(points(40, 2), points(40, 2, 1), ("kd", "recall"))) == {"kd", "recall"}
    kinds = [(BY_NAME[f].kind, BY_NAME[d].kind) for f, d in PAIRED]
    assert set(kinds) == {("fidelity", "diversity")}


def test_values_are_those_of_the_distances():
    real, fake = points(50, 3), points(60, 3, 1)
    found = values(real, fake)
    assert found["fd"] == pytest.approx(frechet_to(real)(fake), rel=1e-9)
    assert found["kd"] == pytest.approx(mmd_squared(fake, real).value, rel=1e-9)


def test_measure_that_refuses_a_set_has_no_value():
    assert "fd" not in values(points(10, 20), points(10, 20, 1))
    assert "sw" not in values(points(50, 3), points(50, 3, 1))
    assert "sw" not in values(points(50, 2), points(40, 2, 1))
    assert not {"js_bound", "pqm_p"} & set(values(points(53, 2), points(300, 2, 1)))
    assert values(points(20, 2), points(40, 2, 1), ("fld",)) == {}


SETS = ("fld", "js_bound", "pqm_p")


def test_measures_of_whole_sets_tell_what_is_moved_from_what_is_not():
    real = points(300, 2)
    same, moved = (values(real, points(300, 2, 1) + by, SETS) for by in (0, 3))
    assert abs(same["fld"]) < 10 < 50 < moved["fld"]
    assert same["js_bound"] < 0.3 < 0.9 < moved["js_bound"]
    assert same["pqm_p"] > 0.1 > 1e-6 > moved["pqm_p"]


def test_sets_in_order_are_measured_as_sets_in_none():
    """An outlier comes last, and a class may: half of a set is to be like the other half."""
    real, fake = points(300, 1).sort(0)[0], points(300, 1, 1).sort(0)[0]
    found = values(real, fake, SETS)
    assert abs(found["fld"]) < 10
    assert found["js_bound"] < 0.3


DISTANCE = Examined(name="fd", kind="both", scale="distance", says="")
SHARE = Examined(name="precision", kind="fidelity", scale="score", says="")
BOUND = Examined(name="js_bound", kind="both", scale="bounded", says="")


def test_distance_becomes_a_score_by_its_median_or_by_its_noise():
    assert DISTANCE.scores([0, 1, 4], [0, 0, 0]) == pytest.approx([1, 1 / 2, 1 / 5])
    # In whatever unit.
    assert DISTANCE.scores([0, 9, 36], [0, 0, 0]) == pytest.approx([1, 1 / 2, 1 / 5])
    noise = DISTANCE.scores([-0.1, 0.05, 0.1], [0.1, 0.1, 0.1])
    assert noise == pytest.approx([1, 1 / 1.05, 1 / 1.1])
    assert DISTANCE.scores([0, 0], [0, 0]) == [1, 1]
    assert SHARE.scores([0.5, 1.2], [0, 0]) == [0.5, 1.2]
    assert BOUND.scores([0, 0.25, 1], [0, 0, 0]) == [1, 0.75, 0]


def test_curves_are_means_over_draws_that_share_their_real_set():
    seen = []

    def draw(level, real, fake):
        sets = (torch.randn(30, 2, generator=real), torch.randn(30, 2, generator=fake) + level)
        seen.append((level, sets[0][0, 0].item(), sets[1][0, 0].item() - level))
        return sets[0].double(), sets[1].double()

    setting = Setting(name="plane", levels=(0.0, 5.0), draw=draw)
    check = Check(name="c", says="", knob="", settings=(setting,), asked=())
    said = []
    answers = sit([check], 3, said.append)
    assert said == ["c (1 of 1)"]
    assert {answer.measure for answer in answers} == set(BY_NAME) - {"js_bound", "pqm_p"}
    (fd,) = [answer for answer in answers if answer.measure == "fd"]
    assert [level.x for level in fd.levels] == [0, 5]
    assert fd.levels[1].mean == pytest.approx(50, rel=0.5)
    assert fd.levels[0].spread > 0
    assert len({real for _, real, _ in seen}) == 3
    assert len({round(fake, 5) for _, _, fake in seen}) == 6


def exam_of(*answers):
    return Exam(
        key="",
        command="",
        subject="gaussian",
        detector="",
        n=10,
        repetitions=2,
        answers=answers,
        not_applicable={},
        facts={},
    )


def curve(measure, setting, *means):
    levels = tuple(Level(float(x), mean, 0.0) for x, mean in enumerate(means))
    return Answer("c", setting, measure, levels)


def check_of(*asked, settings=("a", "b")):
    made = tuple(Setting(name=s, levels=(0.0, 1.0), draw=lambda *_: None) for s in settings)
    return Check(name="c", says="", knob="", settings=made, asked=asked)


ENDS = (
    of_all("bounds", "identical", near(1, "first")),
    of_all("bounds", "last", near(0, "last"), at_a_bound=True),
)


def test_check_is_passed_where_every_criterion_holds_in_every_setting():
    good, bad = curve("precision", "a", 1, 0), curve("precision", "b", 0.8, 0)
    (one,) = verdicts(check_of(*ENDS), SHARE, exam_of(good))
    assert one.failures == ()
    (one,) = verdicts(check_of(*ENDS), SHARE, exam_of(good, bad))
    assert one.failures == ("is 0.80 at the first level, not 1 (b)",)


def test_distance_fails_where_an_upper_bound_is_asked_for():
    (one,) = verdicts(check_of(*ENDS, settings="a"), DISTANCE, exam_of(curve("fd", "a", 0, 4)))
    assert one.failures == ("has no upper bound that would be reached",)


def test_failure_of_every_setting_is_said_without_them():
    both = curve("precision", "a", 0.8, 0), curve("precision", "b", 0.8, 0)
    (one,) = verdicts(check_of(*ENDS), SHARE, exam_of(*both))
    assert one.failures == ("is 0.80 at the first level, not 1",)


def test_single_level_is_no_curve():
    assert verdicts(check_of(*ENDS), SHARE, exam_of(curve("precision", "a", 1))) == []


def test_measure_without_a_value_and_kind_that_is_asked_nothing_have_no_verdict():
    assert verdicts(check_of(*ENDS), SHARE, exam_of(curve("fd", "a", 0, 4))) == []
    assert verdicts(check_of(), SHARE, exam_of(curve("precision", "a", 1, 0))) == []
