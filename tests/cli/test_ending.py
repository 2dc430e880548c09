"""How `bench train` ends: five lines, and every value on request."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bench.cli.ending import ending, in_its_place, scale_of, value_lines
from bench.cli.train import _same_place
from bench.config import EvalSettings
from bench.datasets import load
from bench.detectors._find import find_detector
from bench.distances.frechet import frechet_distance, moments
from bench.evaluation.reference import ReferenceData
from bench.metrics._scale import NOISE, REAL, distance_scale
from bench.models import configure
from bench.records import HealthWarning, TrialResult

RUN = "80747d8e4279401cbba37ec10497e88f"


def test_five_lines_say_distance_state_samples_place_and_next(tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for step in (640, 1280, 90):
        (pictures / f"samples-{step}.png").write_bytes(b"")
    result = TrialResult(
        status="ok",
        primary="fd_digits_n297",
        metrics={
            "val/fd_digits_n297": 50.0,
            "test/fd_digits_n297": 48.0,
            "test/fd_digits_n500": 41.23456,
            "test/kd_digits_n500": 1.0,
        },
        not_applicable={"b": "no likelihood", "a": "no likelihood"},
        warnings=[HealthWarning(kind="k", sentence="it blurs", turn="lower kl_weight (1.0)")],
    )
    lines = ending(result, tmp_path, RUN, {REAL: 1.25, NOISE: 5_210.4})
    assert lines == [
        "distance  fd_digits_n500 41.23 on test, lower is better (real images 1.25, uniform noise 5,210)",
        "state     ok; warning: it blurs: lower kl_weight (1.0)",
        f"samples   {pictures / 'samples-1280.png'}",
        f"where     run 80747d8e in {tmp_path}",
        "next      bench sample 80747d8e -o samples.png (this command with --all: every value)",
    ]
    assert value_lines(result)[-1] == "n/a: a, b: no likelihood"
    assert value_lines(result)[1] == f"{'test/fd_digits_n500':<44} 41.2346"


def test_reason_is_said_once_and_what_the_next_command_needs_is_not_forgotten():
    low = HealthWarning(kind="k", sentence="one class of ten", turn="lower lr (1.0)")
    result = TrialResult(status="collapsed", reason="one class of ten", warnings=[low])
    lines = ending(result, Path("x"), RUN, {}, ["--plugin", "my file.py", "--root", "there"])
    assert lines[1] == "state     collapsed: one class of ten; lower lr (1.0)"
    assert "-o samples.png --plugin 'my file.py' --root there (" in lines[4]


def test_next_command_looks_where_the_run_lies():
    assert _same_place(Path("runs"), None, []) == []
    words = _same_place(Path("there"), "http://anna:geheim42@server:5000", [Path("p.py")])
    assert words[:4] == ["--plugin", "p.py", "--root", "there"]
    assert words[4] == "--tracking-uri"
    assert words[5].endswith("@server:5000")
    assert "geheim42" not in words[5]


def test_run_without_a_distance_says_why():
    diverged = TrialResult(status="diverged", reason="the loss is nan at 640 images")
    lines = ending(diverged, Path("runs/train/abc"), RUN, {})
    assert lines[0] == "distance  none: the loss is nan at 640 images"
    assert lines[1] == "state     diverged: the loss is nan at 640 images"
    assert lines[2] == "samples   none were drawn"
    lines = ending(TrialResult(status="ok"), Path("x"), RUN, {})
    assert lines[0] == (
        "distance  none: this data set has no detector, or too few validation images for it"
    )


def test_run_on_too_few_images_says_so_and_has_the_other_values_in_its_place():
    few = TrialResult(
        status="collapsed",
        reason="no latent unit is active",
        primary="kd_random_n40",
        metrics={"test/elbo_bernoulli": -70.72, "val/elbo_bernoulli": -69.0},
        not_applicable={"frechet": "40 images are too few for 64 features"},
    )
    assert in_its_place(few) == [f"{'test/elbo_bernoulli':<44} -70.7200"]
    lines = ending(few, Path("x"), RUN, {})
    assert lines[0] == "distance  none: 40 images are too few for 64 features"
    assert lines[1] == "state     collapsed: no latent unit is active"
    known = replace(few, primary="fd_digits_n40", metrics={"test/fd_digits_n40": 3.0})
    assert in_its_place(known) == []


def test_run_that_failed_has_nothing_to_sample_and_says_where_it_broke(tmp_path):
    failed = TrialResult(status="failed", reason="RuntimeError: it broke")
    lines = ending(failed, tmp_path, RUN, {})
    assert lines[1] == "state     failed: RuntimeError: it broke"
    assert lines[4] == (
        f"next      mend what {tmp_path / 'traceback.txt'} tells, then give the same command again"
    )


def test_distance_with_its_own_real_value_is_read_by_that():
    metrics = {"test/sw_coordinates_n10": 0.5, "test/sw_coordinates_n10_real": 0.1}
    result = TrialResult(status="ok", primary="sw_coordinates_n10", metrics=metrics)
    assert ending(result, Path("x"), RUN, {REAL: 9.0})[0] == (
        "distance  sw_coordinates_n10 0.5 on test, lower is better (real 0.1)"
    )


@pytest.fixture(scope="module")
def digits():
    splits = load("digits")
    return ReferenceData(splits, torch.device("cpu"), find_detector("digits", splits.spec))


def test_scale_is_of_train_images_and_of_noise_at_the_count_of_the_test_value(digits):
    settings = EvalSettings(max_samples=200)
    found = distance_scale(digits, settings)
    train, held = (digits.detector(digits.subset(split, 200)[0])[0] for split in ("train", "test"))
    assert found[REAL] == pytest.approx(frechet_distance(moments(train), moments(held)), rel=1e-9)
    assert found[NOISE] > 10 * found[REAL]
    assert distance_scale(digits, settings) == found
    assert distance_scale(digits, EvalSettings(max_samples=20)) == {}  # fewer than its features


def test_scale_of_a_run_is_found_once_and_kept(monkeypatch):
    monkeypatch.setattr("bench.cli.index.PLUGINS", {})  # as other tests may have left it
    config = configure("vae_mlp", {"eval.max_samples": 150})
    first = scale_of(config, "cpu")
    assert set(first) == {REAL, NOISE}

    def fail(*_):
        raise AssertionError("it is kept")

    monkeypatch.setattr("bench.metrics._scale.distance_scale", fail)
    assert scale_of(config, "cpu") == first
    assert scale_of(configure("gan_mlp", {"data.dataset": "ring8"}), "cpu") == {}
