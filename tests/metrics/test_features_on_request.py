"""Measures on request on digits: taken only where they are named, and what known models get."""

import pytest
import torch

from bench.contracts import EvalFns
from bench.evaluation.view import Generated, View
from bench.images import to_unit
from bench.metrics import METRICS, NotApplicable, requested
from bench.metrics._evaluate import evaluate
from bench.training.parts import reference_data

ON_REQUEST = (
    "clipped_overlap",
    "vendi",
    "authenticity",
    "feature_likelihood",
    "classifier_bound",
    "mass_test",
    "birthday",
)


@pytest.fixture(scope="module")
def digits():
    return reference_data("digits", "auto", torch.device("cpu"))


def showing(digits, images):
    """A model that shows these images one after the other, seen on the validation split."""
    fns = EvalFns(
        latent=lambda nets, n, noise: torch.arange(n) % len(images),
        decode=lambda nets, z, labels: to_unit(images[z]),
    )
    return View(generated=Generated(digits, {}, fns), split="val", counts=(297,), max_samples=297)


def measured(digits, images, *names):
    view, found = showing(digits, images), {}
    for name in names:
        found |= METRICS.get(name).measure(view)
    return found


def test_they_are_taken_where_they_are_named_and_nowhere_else(digits):
    assert requested(ON_REQUEST) == ON_REQUEST
    view = showing(digits, digits.images("test"))
    asked, _ = evaluate(view, "validation", also=("vendi",))
    assert asked["vendi_digits_n297"] > 1
    assert not [name for name in evaluate(view, "validation")[0] if name.startswith("vendi")]


def test_other_real_images_are_good_and_one_class_covers_a_tenth(digits):
    names = [f"clipped_{name}_digits_n297" for name in ("density", "coverage")]
    other = measured(digits, digits.images("test"), "clipped_overlap")
    assert [other[name] > 0.85 for name in names] == [True, True]
    ones = digits.images("train")[digits.labels("train") == 1]
    density, coverage = (measured(digits, ones, "clipped_overlap")[name] for name in names)
    assert density > 0.8
    assert coverage < 0.2
    found = measured(digits, ones, "vendi")
    assert 1 < found["vendi_digits_n297"] < 0.5 * found["vendi_digits_n297_real"]


def test_training_images_shown_again_have_no_authenticity_and_a_gap(digits):
    wanted = ("authenticity", "feature_likelihood")
    copies = measured(digits, digits.images("train"), *wanted)
    other = measured(digits, digits.images("test"), *wanted)
    assert copies["authenticity_digits_n297"] == 0
    expected = copies["authenticity_digits_n297_real"]
    assert 0.3 < expected < 0.7
    assert other["authenticity_digits_n297"] == pytest.approx(expected, abs=0.15)
    assert copies["fld_digits_n297_gap"] < -50
    assert abs(other["fld_digits_n297_gap"]) < 20
    assert other["fld_digits_n297"] < 0.1 * copies["fld_digits_n297"]


def test_classifier_and_cells_tell_one_class_from_the_data_and_not_other_images(digits):
    wanted = ("classifier_bound", "mass_test")
    ones = digits.images("train")[digits.labels("train") == 1]
    one, other = (measured(digits, images, *wanted) for images in (ones, digits.images("test")))
    assert one["js_bound_digits_n297_low"] > 0.5
    assert other["js_bound_digits_n297"] < 0.4
    assert one["pqm_p_digits_n297"] < 1e-6
    assert one["pqm_chi2_digits_n297"] > 2 * other["pqm_chi2_digits_n297"]


def test_few_different_images_have_a_small_support_and_distinct_ones_none_that_is_known(digits):
    few = measured(digits, digits.images("test")[:20], "birthday")
    assert few["birthday_support_digits_n297"] < 60  # (1 + sqrt(1 + 8 * 20 log 2)) / 2 is 5.8
    assert few["birthday_support_digits_n297_real"] > 2_000
    seeded = torch.Generator().manual_seed(0)
    noise = 255 * torch.randint(
        2, (297, *digits.images("test").shape[1:]), dtype=torch.uint8, generator=seeded
    )
    with pytest.raises(NotApplicable, match="larger than can be told"):
        measured(digits, noise, "birthday")
