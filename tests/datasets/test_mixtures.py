"""Points of a plane: the density is what the data set says, and what is drawn is of it."""

import math

import numpy as np
import pytest

from bench import cli, datasets
from bench.datasets import Arrays, Parts, truth_of
from bench.datasets._splits import check_parts
from bench.errors import UsageError


@pytest.mark.parametrize(("name", "modes"), [("ring8", 8), ("grid25", 25)])
def test_points_are_of_equally_likely_gaussians_of_the_stated_width(name, modes):
    splits, truth = datasets.load(name), truth_of(name)
    assert splits.truth == truth
    assert splits.spec.extent == truth.extent
    assert (len(splits.train), len(splits.val), len(splits.test)) == (100_000, 10_000, 10_000)
    low, high = truth.extent
    points = low + (high - low) * splits.train.images.reshape(-1, 2) / 65_535
    apart = points - np.asarray(truth.means)[splits.train.labels]
    # 200,000 numbers: the standard error of a standard deviation is 0.16 %, of a mean 0.22 % of it.
    assert apart.std() == pytest.approx(truth.sd, rel=0.01)
    assert abs(apart.mean()) < 0.01 * truth.sd
    counts = np.bincount(splits.train.labels, minlength=modes)
    assert np.abs(counts / 100_000 - 1 / modes).max() < 4 * math.sqrt(1 / modes / 100_000)
    assert len(truth.means) == splits.spec.num_classes == modes


def test_another_seed_draws_other_points_and_the_same_one_the_same():
    ring = truth_of("ring8")
    first, again, other = (ring.draw(10, seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_pictures_have_no_known_density():
    assert truth_of("digits") is None
    assert datasets.load("digits").spec.extent is None
    assert truth_of("npz:somewhere.npz") is None


def test_points_of_another_width_are_refused():
    parts = Parts(Arrays(np.zeros((40, 1, 1, 2), np.uint8)))
    with pytest.raises(UsageError, match=r"gives points of dtype uint8 .* expected uint16 \[N, 1"):
        check_parts("mine", parts, of_points=True)


@pytest.mark.parametrize("command", ["calibrate", "detectors train"])
def test_command_for_pictures_refuses_points_in_one_sentence(command, monkeypatch, capsys):
    said = f"{command} is for pictures, and 'ring8' has points of a plane"
    with pytest.raises(UsageError, match=said):
        datasets.require_pictures(datasets.load("ring8").spec, command)
    monkeypatch.setattr("sys.argv", ["bench", *command.split(), "ring8"])
    with pytest.raises(SystemExit):
        cli.main()
    assert said in capsys.readouterr().err


def test_pictures_are_taken():
    datasets.require_pictures(datasets.load("digits").spec, "calibrate")
