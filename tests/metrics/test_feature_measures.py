"""Measures of features on digits: their names, their splits, and what known models get."""

import dataclasses

import pytest
import torch

from bench.contracts import EvalFns
from bench.datasets import Splits, load
from bench.datasets._splits import Arrays
from bench.detectors._find import find_detector
from bench.distances.cmmd import cmmd
from bench.evaluation.reference import ReferenceData
from bench.evaluation.view import Generated, View
from bench.images import to_unit
from bench.metrics import METRICS
from bench.metrics._evaluate import evaluate
from bench.models import configure
from bench.training.parts import build

CPU = torch.device("cpu")


@dataclasses.dataclass
class Renamed:
    """A detector under another name, to see what a measure calls its values."""

    of: object
    name: str
    heads: bool = True

    digest, dim, own_classes = "0" * 16, 32, False

    def __call__(self, images):
        features, probs = self.of(images)
        return features, probs if self.heads else None


@pytest.fixture(scope="module")
def digits():
    splits = load("digits")
    return splits, find_detector("auto", splits.spec)


def showing(digits, images, *, split="val", count=None, also=()):
    """A view of a model that shows these images one after the other."""
    splits, detector = digits
    reference = ReferenceData(splits, CPU, detector, other_detectors=also)
    shown = torch.from_numpy(images)
    fns = EvalFns(
        latent=lambda nets, n, noise: torch.arange(n) % len(shown),
        decode=lambda nets, z, labels: to_unit(shown[z]),
    )
    n = count or len(reference.images(split))
    return View(generated=Generated(reference, {}, fns), split=split, counts=(n,), max_samples=n)


def measured(view):
    return evaluate(view, "end")[0]


def test_training_images_shown_again_are_exact_copies_and_near_the_training_images(digits):
    splits, _ = digits
    values = METRICS.get("exact_copies").measure(showing(digits, splits.train.images))
    assert values == {"exact_copies": 1, "exact_copies_real": 0}
    values = METRICS.get("copying").measure(showing(digits, splits.train.images))
    assert values["copied_low"] > 0.9
    assert values["copied"] == pytest.approx(1, abs=0.01)
    one_level = splits.train.images.clip(0, 254) + 1
    values = METRICS.get("exact_copies").measure(showing(digits, one_level))
    assert values["exact_copies"] == 0


@pytest.mark.parametrize("split", ["val", "test"])
def test_copying_holds_training_images_against_the_views_own_split(digits, split):
    shown = getattr(digits[0], split).images
    own = METRICS.get("copying").measure(showing(digits, shown, split=split))
    assert own["copied_high"] < -1  # each sample is an image of the reference
    if split == "val":  # to images it has never seen, neither set is nearer than by chance
        other = METRICS.get("copying").measure(showing(digits, digits[0].test.images))
        assert other["copied_low"] < 0 < other["copied_high"]


def test_held_out_images_shown_again_are_at_every_measures_limit(digits):
    view = showing(digits, digits[0].val.images)
    order = view.reference.order("val")
    values = measured(showing(digits, digits[0].val.images[order.numpy()]))
    assert values["fd_digits_n297"] == pytest.approx(0, abs=1e-8)
    assert values["precision_digits_n297"] == values["recall_digits_n297"] == 1
    assert values["coverage_digits_n297"] == 1
    # An image's fifth neighbour lies on the rim itself, where rounding decides: 6/5 or a little less.
    assert values["density_digits_n297"] == pytest.approx(6 / 5, abs=0.02)
    assert values["kd_digits_n297"] < 0  # unbiased: less than 0, for the sets are no draws
    assert values["classifier_score_digits_n297"] == pytest.approx(
        values["classifier_score_digits_n297_real"], rel=1e-9
    )
    assert values["modes"] == values["modes_real"] == 10
    assert values["class_entropy"] == values["class_entropy_real"]


def test_one_class_alone_is_one_mode_with_high_precision_and_little_recall(digits):
    ones = digits[0].train.images[digits[0].train.labels == 1]
    values = measured(showing(digits, ones))
    assert values["modes"] == 1
    assert values["class_entropy"] < 0.2
    assert values["classifier_score_digits_n297"] < 1.3
    assert values["precision_digits_n297"] > 0.8
    assert values["recall_digits_n297"] < 0.2
    assert values["kd_digits_n297"] > 10 * values["kd_digits_n297_se"]


def test_each_detector_has_values_of_its_own_name(digits):
    splits, detector = digits
    also = [Renamed(detector, "inception"), Renamed(detector, "headless", heads=False)]
    view = showing(digits, splits.test.images, also=also)
    values, reasons = evaluate(view, "end")
    for own, other in (
        ("fd_digits_n297", "fid_n297"),
        ("kd_digits_n297", "kid_n297"),
        ("kd_digits_n297_se", "kid_n297_se"),
        ("recall_digits_n297", "recall_inception_n297"),
        ("classifier_score_digits_n297", "inception_score_n297"),
    ):
        assert values[own] == values[other]
    assert values["density_headless_n297"] == values["density_digits_n297"]
    assert reasons["classifier_score_headless"] == "detector 'headless' names no classes"
    assert not [name for name in values if name.startswith("classifier_score_headless")]


def test_cmmd_is_measured_in_clips_embeddings_alone(digits):
    splits, detector = digits
    clip = Renamed(detector, "clip")
    view = showing(digits, splits.test.images, also=[clip])
    values, reasons = evaluate(view, "end")
    fake, real = view.features(297)
    assert values["cmmd_clip_n297"] == cmmd(fake, real) > 0
    assert [name for name in values if name.startswith("cmmd")] == ["cmmd_clip_n297"]
    assert "cmmd" not in reasons
    as_own = showing((splits, clip), splits.test.images)
    assert METRICS.get("cmmd").measure(as_own)["cmmd_clip_n297"] == values["cmmd_clip_n297"]


def test_cmmd_without_clip_says_nothing_but_why_the_weights_are_not_there(digits):
    view = showing(digits, digits[0].test.images)
    values, reasons = evaluate(view, "end")
    assert "cmmd" not in {*reasons, *(name.partition("_")[0] for name in values)}
    view.reference.unavailable = {"fd_clip": "no weights"}
    assert evaluate(view, "end")[1]["cmmd"] == "no weights"


def test_floors_are_measured_through_each_detector(digits):
    also = [Renamed(digits[1], "inception")]
    view = showing(digits, digits[0].test.images, also=also)
    values = measured(dataclasses.replace(view, with_floors=True))
    assert values["floor_train_fd_digits_n297"] == values["floor_train_fid_n297"] > 0
    assert values["floor_heldout_fd_digits_n148"] == values["floor_heldout_fid_n148"]
    assert values["floor_train_fd_digits_n297_sd"] > 0


def test_floor_of_train_needs_more_train_images_than_it_draws(digits):
    splits, detector = digits
    few = Arrays(splits.train.images[:297], splits.train.labels[:297])
    view = showing((dataclasses.replace(splits, train=few), detector), splits.test.images)
    values = METRICS.get("floors").measure(dataclasses.replace(view, with_floors=True))
    assert set(values) == {"floor_heldout_fd_digits_n148", "floor_heldout_fd_digits_n148_sd"}


def test_few_held_out_images_are_not_extrapolated_and_the_reason_names_the_remedy(digits):
    _, reasons = evaluate(showing(digits, digits[0].test.images), "end")
    assert reasons["frechet_extrapolated"] == (
        "297 images are too few to extrapolate, 5,000 are the fewest: read the kernel distance "
        "(kd), which has no bias at any number"
    )


def test_enough_held_out_images_are_extrapolated(digits):
    rng = torch.Generator().manual_seed(0)
    noise = torch.randint(256, (10_000, 1, 8, 8), generator=rng, dtype=torch.uint8).numpy()
    splits = Splits(
        spec=digits[0].spec,
        train=digits[0].train,
        val=Arrays(noise[:5_000], None),
        test=digits[0].test,
    )
    view = showing((splits, digits[1]), noise[5_000:])
    values = METRICS.get("frechet_extrapolated").measure(view)
    assert set(values) == {"fdinf_digits", "fdinf_digits_se"}
    # Two draws of one law: their distance is 0.
    assert abs(values["fdinf_digits"]) < 3 * values["fdinf_digits_se"]
    plain = METRICS.get("frechet").measure(view)["fd_digits_n5000"]
    assert abs(values["fdinf_digits"]) < plain / 3


@pytest.mark.parametrize(
    ("name", "count", "reason"),
    [
        ("frechet", 32, "32 images are too few for 32 features: use a smaller detector"),
        ("kernel", 2, "2 images are too few, 3 are the fewest"),
        ("overlap", 5, "5 images are too few for 5 neighbours of each"),
    ],
)
def test_too_few_images_are_refused_with_the_reason(digits, name, count, reason):
    view = showing(digits, digits[0].test.images, count=count)
    _, reasons = evaluate(view, "end")
    assert reasons[name].startswith(reason)


def test_columns_of_the_headline_order_noise_gaussian_memoriser_and_real_images(digits):
    """A heading that says ``higher is better`` beside a 1.00 of uniform noise."""
    splits, detector = digits
    reference = ReferenceData(splits, CPU, detector)
    seen = {"real": showing(digits, splits.val.images, split="test", count=len(splits.val.images))}
    for model in ("uniform_noise", "pixel_gaussian", "memoriser"):
        made = build(configure(model), reference)
        generated = Generated(reference, made.modules, made.eval_fns)
        seen[model] = dataclasses.replace(seen["real"], generated=generated)
    with torch.no_grad():
        found = {
            name: {
                key: value
                for metric in ("frechet", "overlap", "classes", "copying")
                for key, value in METRICS.get(metric).measure(view).items()
            }
            for name, view in seen.items()
        }
    noise, gaussian, memoriser, real = (
        found[name] for name in ("uniform_noise", "pixel_gaussian", "memoriser", "real")
    )
    for column in ("precision_digits_n297", "recall_digits_n297", "classes"):
        assert noise[column] < gaussian[column] - 0.05, column
        assert gaussian[column] + 0.05 < min(memoriser[column], real[column]), column
    assert noise["fd_digits_n297"] > 2 * gaussian["fd_digits_n297"]
    assert gaussian["fd_digits_n297"] > 2 * max(memoriser["fd_digits_n297"], real["fd_digits_n297"])
    assert memoriser["copied"] == 1
    assert max(each["copied_low"] for each in (noise, gaussian, real)) < 0.05
