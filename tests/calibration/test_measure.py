"""Damage in doses, the kernel distance from sums, and what a calibration measures of them."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from bench import datasets
from bench.calibration import measure as calibration
from bench.calibration.corruptions import (
    CORRUPTIONS,
    blurred,
    corrupt,
    flattened,
    missing_doses,
    noisy,
    pixel_gaussian,
    repeat_doses,
    repeated,
    uniform_noise,
    without_classes,
)
from bench.calibration.measure import calibrate, largest_count
from bench.calibration.probe import counts_up_to, distances
from bench.config import ModelSettings, build_config
from bench.datasets import Arrays
from bench.detectors._find import find_detector
from bench.distances.kernel import MAX_DIM, cubic_sums, kernel_distance, mmd_squared
from bench.errors import UsageError
from bench.evaluation.reference import ReferenceData
from bench.evaluation.view import Generated, View, draw
from bench.images import to_unit
from bench.metrics.floors import floors, subset
from bench.models import MODELS
from bench.runtime import DeviceRng, generator
from bench.training.parts import build

N = 250
CPU = torch.device("cpu")
BY_NAME = {corruption.name: corruption for corruption in CORRUPTIONS}


class Watching:
    """A detector made of a function of images in [0, 1], without classes."""

    digest = "0" * 16
    own_classes = False

    def __init__(self, name, dim, see):
        self.name, self.dim, self.see = name, dim, see

    def __call__(self, images):
        return self.see(to_unit(images)).double(), None


def constant(images):
    return torch.ones(len(images), 3)


def brightness(images):
    return images.mean((1, 2, 3))[:, None]


@pytest.fixture(scope="module")
def digits():
    return datasets.load("digits")


@pytest.fixture(scope="module")
def reference(digits):
    return ReferenceData(digits, CPU, None)


@pytest.fixture(scope="module")
def detector(digits):
    return find_detector("auto", digits.spec)


@pytest.fixture(scope="module")
def measured(reference, detector):
    """Both distances through the detector of digits, by base name."""
    answers, reasons = calibrate(reference, detector, N)
    assert reasons == {}
    return {each.name.partition("_")[0]: each for each in answers}


def images_of(shape, *purpose):
    return torch.randint(0, 256, shape, generator=generator("images", *purpose)).byte()


def features_of(n, d, *purpose):
    return torch.randn(n, d, generator=generator("features", *purpose), dtype=torch.float64)


@pytest.mark.parametrize("name", BY_NAME)
def test_dose_zero_is_the_identity(name, reference):
    for images in (reference.images("train")[:50], images_of((20, 3, 9, 7), name)):
        assert torch.equal(corrupt(images, BY_NAME[name], 0.0), images)


@pytest.mark.parametrize("name", BY_NAME)
def test_every_dose_gives_uint8_images_farther_from_the_original(name, reference):
    images = reference.images("train")[:100]
    assert len(BY_NAME[name].doses) >= 6
    change = [0.0]
    for dose in BY_NAME[name].doses:
        damaged = corrupt(images, BY_NAME[name], dose)
        assert (damaged.dtype, damaged.shape) == (torch.uint8, images.shape)
        change.append(float((damaged.double() - images.double()).square().mean()))
    assert change == sorted(set(change))


@pytest.mark.parametrize("name", BY_NAME)
def test_corruption_repeats_itself_whatever_the_chunks(name, reference, monkeypatch):
    images, dose = reference.images("train")[:64], BY_NAME[name].doses[-1]
    whole = corrupt(images, BY_NAME[name], dose)
    assert torch.equal(corrupt(images, BY_NAME[name], dose), whole)
    monkeypatch.setattr("bench.calibration.corruptions.CHUNK", 16)
    # torch draws normal numbers in blocks of 16, so that chunks of 16 images draw the same.
    assert torch.equal(corrupt(images, BY_NAME[name], dose), whole)


@pytest.mark.parametrize("sigma", [0.7, 1.0, 2.0])
def test_blur_spreads_a_point_by_its_dose_and_keeps_the_light(sigma):
    images = torch.zeros(1, 2, 41, 41, dtype=torch.float64)
    images[..., 20, 20] = 1
    out = blurred(images, sigma, None)[0, 1]
    at = torch.arange(41, dtype=torch.float64) - 20
    assert float(out.sum()) == pytest.approx(1)
    # Sampled and cut at three sigma, a normal loses some of its variance.
    assert float((out.sum(0) * at**2).sum()) == pytest.approx(sigma**2, rel=0.05)
    assert torch.allclose(out, out.T)


def test_blur_leaves_a_flat_image_flat_to_its_edges():
    images = torch.full((2, 1, 5, 4), 0.25)
    assert torch.allclose(blurred(images, 2.0, None), images)


def test_noise_has_the_standard_deviation_of_its_dose_and_one_pattern():
    images = torch.full((200, 1, 8, 8), 0.5)
    added = [
        noisy(images, dose, DeviceRng(generator("corruption", "noise"))) - images
        for dose in (0.1, 0.2)
    ]
    # 12,800 draws know a standard deviation to 0.6 %.
    assert float(added[0].std()) == pytest.approx(0.1, rel=0.02)
    assert torch.allclose(added[1], 2 * added[0], atol=1e-6)


def test_contrast_moves_each_image_towards_its_own_mean():
    images = torch.rand(3, 3, 4, 4, generator=generator("contrast"))
    out = flattened(images, 0.25, None)
    means = images.mean((1, 2, 3), keepdim=True)
    assert torch.allclose(out - means, 0.75 * (images - means), atol=1e-6)


def test_missing_classes_are_gone_nested_and_the_rest_are_random_images():
    labels = torch.arange(10).repeat(60)
    gone = set()
    for missing in missing_doses(10):
        index = without_classes(labels, missing, 100, generator("draw", missing))
        assert len(index.unique()) == 100
        left = set(labels.unique().tolist()) - set(labels[index].tolist())
        assert len(left) == missing
        assert gone < left
        gone = left
    other = without_classes(labels, 3, 100, generator("draw", "other"))
    again = without_classes(labels, 3, 100, generator("draw", "another"))
    assert set(labels[other].tolist()) == set(labels[again].tolist())
    assert sorted(other.tolist()) != sorted(again.tolist())


def test_few_images_of_the_other_classes_are_repeated_evenly():
    labels = torch.arange(5).repeat(10)
    index = without_classes(labels, 4, 25, generator("few"))
    shown = torch.bincount(index, minlength=50)
    assert sorted(shown[shown > 0].tolist()) == [2] * 5 + [3] * 5


@pytest.mark.parametrize(
    ("num_classes", "doses"),
    [
        (0, ()),
        (1, ()),
        (2, (1,)),
        (5, (1, 2, 3, 4)),
        (10, (1, 2, 4, 5, 7, 8)),
        (100, (1, 17, 33, 48, 64, 80)),
    ],
)
def test_classes_left_out_go_up_to_four_fifths(num_classes, doses):
    assert missing_doses(num_classes) == doses


def test_repetition_shows_each_of_fewer_images_equally_often():
    index = repeated(1_000, 5, 200, generator("repeats"))
    assert len(index) == 200
    assert torch.bincount(index).unique().tolist() == [0, 5]
    assert repeat_doses(500) == (2, 5, 10, 20, 50, 100)
    assert repeat_doses(30) == (2, 5, 10)


def test_ceilings_are_the_images_of_the_reports_baselines(reference):
    train = reference.images("train")
    for name, make in (("pixel_gaussian", pixel_gaussian), ("uniform_noise", uniform_noise)):
        model = MODELS.get(name)
        trainable = model.build(model.settings(), reference.spec)
        if trainable.initialise:
            trainable.initialise(trainable.modules, train)
        noise = DeviceRng(generator("evaluation", "samples"), CPU)
        expected = draw(trainable.modules, trainable.eval_fns, 40, noise)
        assert torch.equal(make(train, 40), expected)


@pytest.mark.parametrize("dim", [1, 3, 40])
def test_kernel_distance_from_sums_is_that_of_all_pairs(dim):
    a, b = features_of(300, dim, "a"), 1.2 * features_of(700, dim, "b") + 0.3
    both = mmd_squared(a, b).value
    # Sums of 2e5 terms in another order.
    assert kernel_distance(cubic_sums(a), cubic_sums(b)) == pytest.approx(both, rel=1e-9)


def test_distance_of_a_set_from_itself_is_nothing():
    features = features_of(400, 8, "self") + 5
    frechet, _ = distances(8, 400)
    # Rounding of the root: 1e-8 of a trace of 8.
    assert frechet.to(features)(features) == pytest.approx(0, abs=1e-6)


def test_many_features_take_kernel_matrices_of_fewer_images():
    few, many = distances(MAX_DIM, 5_000)[1], distances(MAX_DIM + 1, 5_000)[1]
    assert (few.most, many.most) == (5_000, 1_000)
    a, b = features_of(30, MAX_DIM + 1, "a"), features_of(30, MAX_DIM + 1, "b")
    assert many.to(a)(b) == pytest.approx(mmd_squared(a, b).value)


def test_counts_run_in_ones_twos_and_fives_from_what_a_distance_needs():
    assert counts_up_to(500, 33) == [50, 100, 200, 500]
    assert counts_up_to(10_000, 65) == [100, 200, 500, 1_000, 2_000, 5_000, 10_000]
    assert counts_up_to(40, 3) == [40]


def test_floors_are_those_that_runs_and_reports_have(reference, digits, detector, measured):
    run = build(build_config("memoriser", ModelSettings), reference)
    known = ReferenceData(digits, CPU, detector)
    found = {}
    for split, n in (("test", N), ("test", 50), ("val", N)):
        view = View(
            generated=Generated(known, run.modules, run.eval_fns),
            split=split,
            counts=(n,),
            max_samples=n,
            with_floors=True,
        )
        found |= {f"{split}/{name}": value for name, value in floors(view).items()}
    mine = {floor.name: floor for floor in (*measured["fd"].floors, *measured["fd"].others)}
    assert mine[f"test/floor_train_fd_digits_n{N}"] == measured["fd"].floor
    for name in (
        f"test/floor_train_fd_digits_n{N}",
        "test/floor_train_fd_digits_n50",
        f"val/floor_train_fd_digits_n{N}",
    ):
        # Features of blocks of other sizes differ in the last bit of float32.
        assert mine[name].mean == pytest.approx(found[name], rel=1e-5)
        assert mine[name].spread == pytest.approx(found[f"{name}_sd"], rel=1e-4)


def test_distances_of_digits_follow_every_corruption_away_from_the_floor(measured):
    for answers in measured.values():
        assert [each.corruption for each in answers.responses] == [
            *BY_NAME,
            "missing classes",
            "repetition",
        ]
        assert {name: v.failures for name, v in answers.verdicts().items() if v.failures} == {}
        assert answers.ceilings["pixel Gaussian"] < answers.ceilings["uniform noise"]
        assert answers.ceilings["pixel Gaussian"] > answers.floor.mean + 5 * answers.floor.spread


def test_frechet_bias_falls_with_n_and_the_kernel_distance_has_none(measured):
    real = [point.mean for point in measured["fd"].curves["real"]]
    assert real == sorted(real, reverse=True)
    small, *_, full = measured["kd"].curves["blur 0.7"]
    # Ten pairs of 50 images know the mean to their spread / sqrt(10); three of those.
    assert abs(small.mean - full.mean) < 3 * small.spread / math.sqrt(10)
    assert (
        measured["fd"].curves["blur 0.7"][0].mean > 1.2 * measured["fd"].curves["blur 0.7"][-1].mean
    )


def test_calibration_repeats_itself_to_the_last_bit(reference, detector):
    first, _ = calibrate(reference, detector, 40)
    again, _ = calibrate(reference, detector, 40)
    assert [each.name for each in first] == ["fd_digits_n40", "kd_digits_n40"]
    assert again == first


def test_constant_detector_is_reported_as_failing_everywhere(reference):
    (frechet, kernel), _ = calibrate(reference, Watching("constant", 3, constant), N)
    for answers in (frechet, kernel):
        for verdict in answers.verdicts().values():
            assert verdict.rank is None
            assert verdict.failures == (
                "is the same at every dose",
                "does not leave the floor by 10 spreads at the last dose",
            )


def test_detector_of_brightness_fails_on_blur_and_contrast_and_sees_noise(reference):
    answers, _ = calibrate(reference, Watching("brightness", 1, brightness), N)
    failing = {name for name, v in answers[0].verdicts().items() if v.failures}
    # Noise is clamped at black and so adds light; contrast keeps each image's mean, as blur does.
    assert {"blur", "contrast"} <= failing
    assert "noise" not in failing


@pytest.mark.parametrize(("num_classes", "lacks"), [(0, "no labels"), (1, "one class only")])
def test_data_without_several_classes_lack_missing_classes_alone(digits, num_classes, lacks):
    parts = {}
    for name in ("train", "val", "test"):
        images = getattr(digits, name).images
        parts[name] = Arrays(images, np.zeros(len(images), np.int64) if num_classes else None)
    prior = (1.0,) * num_classes
    spec = replace(digits.spec, num_classes=num_classes, class_prior=prior)
    bare = replace(digits, spec=spec, **parts)
    answers, reasons = calibrate(
        ReferenceData(bare, CPU, None), Watching("brightness", 1, brightness), 40
    )
    assert reasons == {"missing classes": f"'digits' has {lacks}"}
    assert [each.corruption for each in answers[0].responses] == [*BY_NAME, "repetition"]


def test_more_features_than_images_leave_the_kernel_distance(reference):
    wide = Watching("wide", 24, lambda images: images.flatten(1)[:, 20:44])
    answers, reasons = calibrate(reference, wide, 24)
    assert [each.name for each in answers] == ["kd_wide_n24"]
    assert "24 images are too few for 24 features" in reasons["fd_wide_n24"]


def test_largest_count_leaves_train_twice_as_many(reference, digits):
    assert largest_count(reference, 10_000) == 500
    assert largest_count(reference, 100) == 100
    few = replace(digits, train=digits.train.take(np.arange(60)))
    assert largest_count(ReferenceData(few, CPU, None), 10_000) == 30
    with pytest.raises(UsageError, match="at least 20"):
        largest_count(reference, 19)


def test_subsets_are_nested_in_n():
    features = features_of(30, 2, "nested")
    assert torch.equal(subset(features, 10, "x")[:4], subset(features, 4, "x"))
    assert not torch.equal(subset(features, 10, "x"), subset(features, 10, "y"))


def test_damage_of_the_curve_against_n_is_among_the_doses():
    corruption, dose = calibration.DAMAGED
    assert dose in corruption.doses
