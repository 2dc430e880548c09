"""The shipped detectors are what they say, and a recipe makes one for any labelled data."""

import dataclasses
import hashlib

import pytest
import torch

from bench import datasets
from bench.classifier import Recipe, facts, shifted
from bench.detection import available, find_detector, train_detector, weights_path
from bench.detectors import DETECTORS
from bench.errors import UsageError
from bench.runtime import generator


def spec_of(name):
    """Just what is asked of a spec to find a detector; MNIST's own needs no MNIST."""
    shape = {"mnist": (1, 28, 28)}.get(name, (1, 8, 8))
    return dataclasses.replace(datasets.load("digits").spec, name=name, shape=shape)


def accuracy_of(name):
    splits, detector = datasets.load(name), find_detector("auto", datasets.load(name).spec)
    _, probs = detector(torch.from_numpy(splits.test.images))
    return float((probs.argmax(1) == torch.from_numpy(splits.test.labels)).double().mean())


def test_digits_detector_has_the_accuracy_that_is_written_beside_it():
    share = accuracy_of("digits")
    assert share >= 0.98
    assert f"{share:.4f}" == facts(weights_path("digits"))["test_accuracy"]


@pytest.mark.mnist
def test_mnist_detector_has_the_accuracy_that_is_written_beside_it():
    share = accuracy_of("mnist")
    assert share >= 0.99
    assert f"{share:.4f}" == facts(weights_path("mnist"))["test_accuracy"]


@pytest.mark.parametrize("name", DETECTORS.names())
def test_shipped_weights_name_data_digest_and_command(name):
    known = facts(weights_path(name))
    assert known["command"] == f"bench detectors train {name}"
    assert weights_path(name).stat().st_size < 2_000_000
    detector = find_detector(name, spec_of(name))
    assert detector.digest == hashlib.sha256(weights_path(name).read_bytes()).hexdigest()[:16]
    assert detector.dim == {"digits": 32, "mnist": 64}[name]


def test_digits_detector_was_trained_on_the_digits_of_today():
    assert facts(weights_path("digits"))["data_digest"] == datasets.load("digits").spec.digest


def test_features_are_taken_before_the_non_linearity():
    images = torch.from_numpy(datasets.load("digits").test.images)
    features, probs = find_detector("auto", datasets.load("digits").spec)(images)
    assert features.min() < 0
    assert features.dtype == torch.float64
    torch.testing.assert_close(probs.sum(1), torch.ones(len(images)).double())


def test_features_do_not_depend_on_the_batch():
    images = torch.from_numpy(datasets.load("digits").test.images)
    detector = find_detector("auto", datasets.load("digits").spec)
    whole, _ = detector(images)
    # float32 sums in another order: 1e-4 of values around 10.
    torch.testing.assert_close(detector(images[7:9])[0], whole[7:9], rtol=1e-4, atol=1e-3)


def test_data_set_without_a_detector_has_none_and_a_wrong_name_is_told():
    assert find_detector("auto", spec_of("npz:somewhere.npz")) is None
    with pytest.raises(UsageError, match="unknown detector 'digitz': did you mean 'digits'"):
        find_detector("digitz", spec_of("digits"))


def test_recipe_makes_a_detector_for_any_labelled_data(monkeypatch, tmp_path):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    splits = datasets.load("digits")
    quick = Recipe(dim=8, width=4, epochs=6, batch_size=50, lr=1e-2)
    monkeypatch.setattr("bench.detection.Recipe", lambda: quick)
    path, known = train_detector("npz:mine.npz", splits)
    assert path.parent == tmp_path / "detectors"
    assert path.name.startswith("npz_mine_")
    assert float(known["test_accuracy"]) > 0.5  # six epochs; chance is 0.1
    spec = dataclasses.replace(splits.spec, name="npz:mine.npz")
    assert find_detector("auto", spec).dim == 8
    assert path.stem in available()
    with pytest.raises(UsageError, match=r"trained on other images than 'npz:mine\.npz' now has"):
        find_detector("auto", dataclasses.replace(spec, digest="f" * 16))
    with pytest.raises(UsageError, match=r"sees images of shape \[1, 8, 8\]"):
        find_detector(path.stem, dataclasses.replace(spec, shape=(1, 28, 28)))


def test_detector_below_its_required_accuracy_is_not_stored(monkeypatch, tmp_path):
    kind = DETECTORS.get("digits")
    poor = type(kind)(
        dataset="digits",
        recipe=Recipe(dim=8, width=4, epochs=1, batch_size=500, lr=1e-6),
        summary="",
        min_accuracy=0.98,
    )
    monkeypatch.setattr(DETECTORS, "get", lambda name: poor)
    monkeypatch.setattr("bench.detection.WEIGHTS", tmp_path)
    with pytest.raises(UsageError, match=r"at least 0\.98 is required: nothing was stored"):
        train_detector("digits", datasets.load("digits"))
    assert list(tmp_path.iterdir()) == []


def test_weights_that_cannot_be_read_are_told_with_the_remedy(monkeypatch, tmp_path):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    (tmp_path / "detectors").mkdir()
    (tmp_path / "detectors" / "svhn.safetensors").write_bytes(b"no weights")
    with pytest.raises(UsageError, match=r"cannot be read .*`bench detectors train svhn`"):
        find_detector("auto", spec_of("svhn"))


def test_shifting_moves_images_whole_and_by_different_amounts():
    images = torch.zeros(40, 1, 7, 7)
    images[:, :, 3, 3] = 1
    moved = shifted(images, 2, generator("shift"))
    assert moved.shape == images.shape
    assert torch.equal(moved.sum((1, 2, 3)), torch.ones(40))
    places = {tuple(index[2:].tolist()) for index in moved.nonzero()}
    assert len(places) > 5
    assert all(1 <= row <= 5 and 1 <= col <= 5 for row, col in places)
