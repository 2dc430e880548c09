"""A value's name taken apart and put together again."""

import json

import pytest

from bench.measures import (
    INCEPTION,
    MEASURES,
    UNDECLARED,
    Measure,
    MeasureName,
    feature_name,
    largest,
    mean_of,
    measures_tag,
    read_measures,
    scale_of,
)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("test/fd_mnist_n10000", {"split": "test", "measure": "fd", "of": "mnist", "n": 10_000}),
        ("fid_n500", {"measure": "fid", "n": 500}),
        ("val/kd_digits_n40_se", {"measure": "kd", "of": "digits", "n": 40, "ending": "se"}),
        ("fd_net_n5_n100", {"measure": "fd", "of": "net_n5", "n": 100}),
        ("train_mode_gap_mnist_n50", {"measure": "train_mode_gap", "of": "mnist", "ending": ""}),
        ("class_fd_digits_n17", {"measure": "class_fd", "of": "digits", "n": 17}),
        (
            "floor_train_fd_digits_n500_sd",
            {"prefix": "floor_train", "measure": "fd", "of": "digits", "ending": "sd"},
        ),
        ("floor_train_class_fd_d_n5", {"prefix": "floor_train", "measure": "class_fd", "of": "d"}),
        ("sampling_sd_fid_n9", {"prefix": "sampling_sd", "measure": "fid", "n": 9}),
        ("reference_sd_fd_x_n9", {"prefix": "reference_sd", "measure": "fd", "of": "x"}),
        ("elbo_gaussian_sigma0.1", {"measure": "elbo", "of": "gaussian_sigma0.1", "n": None}),
        ("elbo_best_sigma", {"measure": "elbo_best_sigma", "of": ""}),
        ("iwae_64_bernoulli_n500", {"measure": "iwae_64", "of": "bernoulli", "n": 500}),
        (
            "ais_gaussian_sigma0.1_n100_c16_t1000_gap",
            {"measure": "ais", "n": 100, "effort": "_c16_t1000", "ending": "gap"},
        ),
        ("reconstruction_error", {"measure": "reconstruction_error", "of": ""}),
        ("copying_low", {"measure": "copying", "ending": "low"}),
        ("cost/train_seconds", {"split": "cost", "measure": "train_seconds", "known": UNDECLARED}),
        ("", {"measure": "", "known": UNDECLARED}),
    ],
)
def test_name_is_taken_apart_and_put_together(text, parts):
    name = MeasureName.parse(text)
    assert str(name) == text
    assert {key: getattr(name, key) for key in parts} == parts


def test_detector_and_likelihood_are_read_by_what_takes_part():
    assert MeasureName.parse("fdinf_mnist_se").detector == "mnist"
    assert MeasureName.parse("kid_n10").detector == INCEPTION
    assert MeasureName.parse("precision_inception_n10").detector == INCEPTION
    assert MeasureName.parse("kl_sampled_bernoulli").likelihood == "bernoulli"
    assert MeasureName.parse("mmd_posterior_n50").detector == ""
    assert MeasureName.parse("legible").known.through == "detector"


def test_values_of_one_measure_at_several_n_are_one_series():
    names = [MeasureName.parse(f"test/fd_mnist_n{n}") for n in (10, 500)]
    assert names[0].series == names[1].series
    assert names[0].series.name == "fd_mnist"
    other = MeasureName.parse("test/fd_mnist_n10_se")
    assert other.series != names[0].series
    assert largest([names[1], other, names[0]]) == [other, names[1]]


def test_better_direction_is_of_the_value_itself():
    assert MeasureName.parse("elbo_bernoulli_resampled").better == "higher"
    for lower in ("fid_n10000", "kid_n10000", "class_fd_x_n9", "reconstruction_error"):
        assert MeasureName.parse(lower).better == "lower"
    for neither in ("copying", "kd_digits_n500_se", "ais_gap", "floor_train_fd_x_n9", "unheard"):
        assert MeasureName.parse(neither).better is None


@pytest.mark.parametrize("base", ["fd", "kd", "classifier_score", "precision"])
@pytest.mark.parametrize("detector", ["mnist", INCEPTION])
def test_name_of_features_says_its_detector_again(base, detector):
    name = MeasureName.parse(feature_name(base, detector, 10))
    assert (name.detector, name.n) == (detector, 10)
    assert name.known.metric == MEASURES[base].metric


def test_what_a_metric_declares_is_known_where_the_table_is_silent():
    declared = {"sharpness": Measure("sharpness", "higher", "nothing"), "fd": MEASURES["fd"]}
    tag = measures_tag(declared)["measures"]
    assert list(json.loads(tag)) == ["sharpness"]
    own = read_measures(tag)
    assert MeasureName.parse("sharpness_n5", MEASURES | own).better == "higher"
    assert MeasureName.parse("sharpness_n5").better is None
    assert measures_tag(MEASURES) == read_measures("") == {}


def test_declared_name_is_taken_whole_whatever_it_ends_with():
    declared = MEASURES | {"duality_gap": Measure("duality", "lower", "nothing")}
    name = MeasureName.parse("test/duality_gap", declared)
    assert (name.measure, name.ending, name.better) == ("duality_gap", "", "lower")
    assert str(name) == "test/duality_gap"


def test_scale_of_a_measure_is_that_of_its_values_and_not_of_their_deviations():
    assert scale_of("test/fd_mnist_n10000") == scale_of("val/fid_n2000") == "log"
    assert scale_of("test/recall_digits_n500") == scale_of("test/legible_real") == "share"
    assert scale_of("test/kd_mnist_n10000") == scale_of("test/elbo_bernoulli_gray") == "plain"
    assert scale_of("test/sampling_sd_fd_mnist_n10000") == "plain"
    assert scale_of("test/kd_mnist_n10000_se") == scale_of("test/sharpness") == "plain"


def test_mean_of_a_distance_is_geometric_where_it_has_logarithms():
    assert mean_of("test/fd_mnist_n10000", [1.0, 100.0]) == pytest.approx(10)
    assert mean_of("test/fd_mnist_n10000", [0.0, 100.0]) == 50
    assert mean_of("test/kd_mnist_n10000", [1.0, 100.0]) == 50.5
