"""The data of each check are what it says: radii, means, shares, overlaps, classes."""

import math

import pytest
import torch

from bench import datasets
from bench.detectors._find import find_detector
from bench.evaluation.reference import ReferenceData
from bench.exam.draws import SIZES
from bench.exam.images import image_checks
from bench.exam.points import point_checks
from bench.exam.pool import DOSES, Pool, of_classes, pool_of
from bench.runtime import generator

N = 1_000
CHECKS = {check.name: check for check in point_checks(N)}
SPREAD = 5 / math.sqrt(N)
"""Five standard errors of a mean of N values of variance 1."""


def sets(check, setting, level, seed=0):
    """Both sets of one level."""
    (one,) = [each for each in check.settings if each.name == setting]
    return one.draw(level, generator("real", seed), generator("fake", seed, level))


def of(name, setting, level):
    return sets(CHECKS[name], setting, level)


@pytest.mark.parametrize("name", CHECKS)
def test_sets_are_finite_of_one_width_and_drawn_again_to_the_same_bits(name):
    for setting in CHECKS[name].settings:
        assert list(setting.levels) == sorted(set(setting.levels))
        first, last = setting.levels[0], setting.levels[-1]
        for level in (first, last):
            real, fake = sets(CHECKS[name], setting.name, level)
            assert real.dtype == fake.dtype == torch.float64
            assert real.shape[1] == fake.shape[1]
            assert torch.isfinite(real).all()
            assert torch.isfinite(fake).all()
            again = sets(CHECKS[name], setting.name, level)
            assert torch.equal(real, again[0])
            assert torch.equal(fake, again[1])


def test_every_level_that_is_asked_for_is_measured():
    assert [0.0 in s.levels for s in CHECKS["mean difference"].settings] == [True] * 3
    assert [1.0 in s.levels for s in CHECKS["standard deviation"].settings] == [True] * 3
    assert 1.0 in CHECKS["sphere's surface"].settings[0].levels
    assert N in CHECKS["ball and torus"].settings[0].levels


@pytest.mark.parametrize(("dim", "mean"), [(1, 6.0), (8, -3.0), (64, 0.5)])
def test_samples_are_moved_along_every_dimension(dim, mean):
    setting = f"{dim} dimension{'s' if dim > 1 else ''}"
    real, fake = of("mean difference", setting, mean)
    assert real.shape == fake.shape == (N, dim)
    assert real.mean(0).abs().max() < SPREAD
    assert (fake.mean(0) - mean).abs().max() < SPREAD


def test_outlier_is_one_point_more_on_the_side_that_is_said():
    real, fake = of("outlier", "real, 8 dimensions", -3.0)
    assert (len(real), len(fake)) == (N + 1, N)
    assert real[-1].tolist() == [3.0] * 8
    real, fake = of("outlier", "fake, 64 dimensions", 1.0)
    assert (len(real), len(fake)) == (N, N + 1)
    assert fake[-1].tolist() == [1.0] * 64


def test_heavy_tail_has_the_median_of_its_distribution_in_both_sets():
    for points in of("heavy tail", "2 dimensions", 6.0):
        tail = points[:, 1]
        assert tail.min() >= 1
        # P(x > 2^(1/b)) = 1/2
        assert (tail > 2 ** (1 / 1.01)).double().mean() == pytest.approx(0.5, abs=SPREAD / 2)


def test_samples_have_the_spread_of_their_level():
    real, fake = of("standard deviation", "8 dimensions", 10.0)
    assert real.std().item() == pytest.approx(1, abs=0.05)
    assert fake.std().item() == pytest.approx(10, rel=0.05)


def test_one_mode_has_the_mean_and_variance_of_the_formula_and_two_have_two():
    real, fake = of("one mode for two", "1 dimension", 5.0)
    assert fake.std().item() == pytest.approx(math.sqrt(26), rel=0.1)
    assert (real.abs() < 0.5).double().mean() < 0.05  # N(2.5, 1) and its mirror image
    assert (real > 0).double().mean() == pytest.approx(0.5, abs=SPREAD / 2)


@pytest.mark.parametrize(("lost", "share"), [(0.0, 0.1), (0.5, 1 / 5.5), (1.0, 1.0)])
def test_mode_that_stays_has_the_share_that_the_others_leave(lost, share):
    _, fake = of("simultaneous mode dropping", "8 dimensions", lost)
    # Means lie 10/9 apart in each dimension, and the spread is 1/3.
    assert (fake.mean(1) < 5 / 9).double().mean() == pytest.approx(share, abs=SPREAD / 2)


@pytest.mark.parametrize("lost", [0, 4, 9])
def test_lost_modes_have_no_sample(lost):
    real, fake = of("sequential mode dropping", "8 dimensions", float(lost))
    modes = (fake.mean(1) * 0.9).round().long()
    assert sorted(set(modes.tolist())) == list(range(10 - lost))
    assert len(set((real.mean(1) * 0.9).round().long().tolist())) == 10


def test_real_data_have_five_modes_and_samples_as_many_as_the_level():
    means = torch.tensor(
        [[5.46794328, -4.08481523], [-5.40346201, -17.29490131]], dtype=torch.float64
    )
    real, fake = of("mode dropping and invention", "2 dimensions", 10.0)
    near = [(torch.cdist(points, means).min(0).values < 1).tolist() for points in (real, fake)]
    assert near == [[True, False], [True, True]]
    _, one = of("mode dropping and invention", "2 dimensions", 1.0)
    assert torch.cdist(one, means[:1]).max() < 1.5


@pytest.mark.parametrize("dim", [2, 16, 128])
def test_points_lie_on_the_sphere_of_their_radius(dim):
    real, fake = of("sphere's surface", f"{dim} dimensions", 0.1)
    assert (real.norm(dim=1) - 1).abs().max() < 1e-12
    assert (fake.norm(dim=1) - 0.1).abs().max() < 1e-12
    assert real.mean(0).abs().max() < SPREAD


def test_ball_and_torus_never_meet():
    ball, torus = of("ball and torus", "real ball", 4.0 * N)
    assert ball.norm(dim=1).max() <= 0.8
    # Half of a ball's points lie beyond the cube root of 1/2 of its radius.
    beyond = (ball.norm(dim=1) > 0.8 * 0.5 ** (1 / 3)).double().mean()
    assert beyond == pytest.approx(0.5, abs=SPREAD / 2)
    ring = torch.stack([torus[:, :2].norm(dim=1) - 1, torus[:, 2]], 1)
    assert ring.norm(dim=1).max() <= 0.1 + 1e-12
    assert torus.norm(dim=1).min() >= 0.9 - 1e-12
    assert len(torus) == 4 * N


@pytest.mark.parametrize("dim", [1, 8, 64])
def test_cubes_share_a_fifth_of_their_volume(dim):
    setting = f"{dim} dimension{'s' if dim > 1 else ''}"
    real, fake = of("size of both sets", setting, 4.0 * N)
    assert len(real) == len(fake) == 4 * N
    start = 1 - 0.2 ** (1 / dim)
    assert (real >= start).all(1).double().mean() == pytest.approx(0.2, abs=SPREAD / 2)
    assert (fake <= 1).all(1).double().mean() == pytest.approx(0.2, abs=SPREAD / 2)
    real, fake = of("size of the fake set", setting, SIZES[0] * N)
    assert (len(real), len(fake)) == (N, N // 10)


def test_unit_of_the_second_dimension_changes_both_sets_alike():
    real, fake = of("scaling one dimension", "2 dimensions", 1_000.0)
    assert (fake.mean(0)[0] - real.mean(0)[0]).item() == pytest.approx(6, abs=2 * SPREAD)
    assert real[:, 1].std().item() == pytest.approx(1_000, rel=0.1)
    assert fake[:, 1].std().item() == pytest.approx(1_000, rel=0.1)


def test_one_dimension_of_many_tells_the_sets_apart():
    real, fake = of("one disjoint dimension", "all", 30.0)
    apart = fake.mean(0) - real.mean(0)
    assert apart[0].item() == pytest.approx(6, abs=2 * SPREAD)
    assert apart[1:].abs().max() < 2 * SPREAD
    assert len(apart) == 31


def test_one_of_the_sets_is_of_whole_numbers():
    real, fake = of("discrete or continuous", "real discrete", 10.0)
    assert torch.equal(real, real.round())
    assert not torch.equal(fake, fake.round())
    real, fake = of("discrete or continuous", "fake discrete", 10.0)
    assert torch.equal(fake, fake.round())


@pytest.fixture(scope="module")
def pool():
    """Ten classes of 40, told apart by the whole part of their first feature."""
    labels = torch.arange(10).repeat(40)
    features = labels[:, None].double() + torch.rand(400, 3, dtype=torch.float64) / 2
    noisy = {dose: features[:300] + 100 * dose for dose in DOSES}
    return Pool(
        real=features, fake=features + 1e-9, real_labels=labels, fake_labels=labels, noisy=noisy
    )


@pytest.fixture(scope="module")
def posed(pool):
    found, reasons = image_checks(pool, 40)
    assert reasons == {}
    return {check.name: check for check in found}


def classes(features):
    return sorted(set(features[:, 0].floor().long().tolist()))


def test_each_check_on_images_shows_the_classes_that_it_says(posed):
    real, fake = sets(posed["sequential mode dropping"], "by class", 9.0)
    assert (classes(real), classes(fake)) == (list(range(10)), [0])
    _, fake = sets(posed["simultaneous mode dropping"], "by class", 1.0)
    assert classes(fake) == [0]
    real, fake = sets(posed["mode dropping and invention"], "by class", 10.0)
    assert (classes(real), classes(fake)) == (list(range(5)), list(range(10)))
    real, fake = sets(posed["disjoint classes"], "by class", 80.0)
    assert (classes(real), classes(fake)) == (list(range(5)), list(range(5, 10)))
    assert (len(real), len(fake)) == (40, 80)
    real, fake = sets(posed["size of both sets"], "by class", 80.0)
    assert set(classes(real)) & set(classes(fake)) == {4}
    assert (len(real), len(fake)) == (80, 80)


def test_noise_repetition_and_scale_do_what_their_level_says(posed, pool):
    _, fake = sets(posed["noise"], "all classes", 0.8)
    assert fake.min() >= 80
    real, fake = sets(posed["outlier"], "outlier is real", 0.0)
    assert (len(real), len(fake)) == (41, 40)
    assert real[-1].min() >= 80
    _, fake = sets(posed["repetition"], "all classes", 20.0)
    assert (len(fake), len(fake.unique(dim=0))) == (40, 2)
    plain = sets(posed["scaling one feature"], "by class", 1.0)[0]
    scaled = sets(posed["scaling one feature"], "by class", 1_000.0)[0]
    assert torch.equal(scaled[:, 0], 1_000 * plain[:, 0])
    assert torch.equal(scaled[:, 1:], plain[:, 1:])


def test_sets_have_no_image_twice_and_sizes_that_the_classes_can_fill(posed, pool):
    drawn = of_classes(pool.real, pool.real_labels, torch.ones(10), 40, generator("x"))
    assert len(drawn.unique(dim=0)) == 40
    assert pool.most() == 40
    assert max(posed["disjoint classes"].settings[0].levels) <= 5 * 40


def test_without_classes_the_checks_that_need_them_say_so(pool):
    plain = Pool(
        real=pool.real, fake=pool.fake, real_labels=None, fake_labels=None, noisy=pool.noisy
    )
    found, reasons = image_checks(plain, 40)
    assert [check.name for check in found] == ["noise", "outlier", "repetition"]
    assert reasons["disjoint classes"] == "needs 4 classes or more, the data set has none"
    assert plain.most() == 200


def test_halves_of_the_train_split_share_no_image_and_dose_0_is_undamaged():
    digits = datasets.load("digits")
    reference = ReferenceData(digits, torch.device("cpu"), None)
    detector = find_detector("auto", digits.spec)
    assert detector is not None
    found = pool_of(reference, detector, 30)
    assert len(found.real) + len(found.fake) == len(digits.train.images)
    assert found.classes == 10
    assert torch.equal(found.noisy[0.0], found.fake[:90])
    assert {len(features) for features in found.noisy.values()} == {90}
    assert not torch.equal(found.noisy[0.01], found.noisy[0.0])
