"""Stacks: each channel is an image of the same split of the other data set, and the class says which."""

import numpy as np
import pytest

from bench import datasets
from bench.datasets import DATASETS, DatasetSource, Published
from bench.datasets._splits import Arrays, Share
from bench.datasets._stacks import stacked
from bench.errors import UsageError

SIZES = (20_000, 400, 300)


@pytest.fixture
def stand_in(add_source, data_home, parts):
    """Stacks of an installed set of 200 + 50 digits, in the form of ``stacked_mnist``."""
    add_source("mine", DatasetSource(summary="digits from afar", download=lambda _: parts))
    train, val, test = SIZES
    facts = Published(shape=(3, 8, 8), num_train=train, num_val=val, num_test=test)
    add_source(
        "stacks", DatasetSource(summary="stacks of them", channels_of="mine", published=facts)
    )
    return "stacks"


def require_stacks_of_its_split(name):
    """Every channel is an image of that split, of the class that its digit of the label says."""
    stacks, of = datasets.load(name), datasets.load(datasets.channels_of(name))
    for split in ("train", "val", "test"):
        images, singles = getattr(stacks, split), getattr(of, split)
        known = {}
        for image, label in zip(singles.images, singles.labels, strict=True):
            known.setdefault(image.tobytes(), set()).add(int(label))
        for image, label in zip(images.images[:2_000], images.labels[:2_000], strict=True):
            for channel, digit in zip(image, f"{label:03d}", strict=True):
                assert int(digit) in known[channel.tobytes()], split
        # An image is drawn len(stacks) * 3 / len(singles) times on average, e^-that never.
        missed = len(known) - len(
            {channel.tobytes() for image in images.images for channel in image}
        )
        assert missed <= 6 + 3 * len(known) * np.exp(-3 * len(images) / len(known)), split


def test_stacks_of_digits_are_of_their_own_split():
    require_stacks_of_its_split("stacked_digits")


def test_stacks_of_an_installed_set_are_of_its_splits_and_lie_in_one_file(stand_in):
    require_stacks_of_its_split(stand_in)
    splits = datasets.load(stand_in)
    assert tuple(map(len, (splits.train, splits.val, splits.test))) == SIZES
    assert splits.spec.num_classes == 1_000
    assert sum(splits.spec.class_prior) == pytest.approx(1.0, abs=1e-12)  # float64 rounding
    row = next(row for row in datasets.status() if row.name == stand_in)
    assert row.sizes == SIZES
    assert row.path.name == "mine.npz"
    assert datasets.verify(stand_in).digest


def test_channels_are_drawn_evenly_and_each_by_itself():
    n = 30_000
    labels = np.arange(5) % 3
    digits = Arrays(np.zeros((5, 1, 4, 4), np.uint8), labels)
    parts = stacked([Share(digits, np.arange(5))] * 3, (n, n, n))
    shares = np.array([0.4, 0.4, 0.2])  # of the classes 0, 1, 2
    expected = np.einsum("a,b,c->abc", shares, shares, shares).ravel()
    for part in parts.present():
        found = np.bincount(part.labels, minlength=27)
        chi2 = ((found - n * expected) ** 2 / (n * expected)).sum()
        assert chi2 < 26 + 4 * np.sqrt(2 * 26)  # 26 degrees of freedom, four deviations
    assert not np.array_equal(parts.train.labels, parts.val.labels)
    assert not np.array_equal(parts.val.labels, parts.test.labels)


def test_stacks_of_a_set_that_cannot_be_had_say_how_that_is_had(add_source, data_home):
    def fails(_):
        raise OSError("no route to host")

    for call in (datasets.load, datasets.fetch, datasets.verify):
        add_source("mnist", DatasetSource(summary="from afar", download=fails, from_idx=True))
        with pytest.raises(UsageError) as error:
            call("stacked_mnist")
        assert str(error.value).startswith("data set 'mnist' is not installed")
        assert "run 'bench data fetch mnist' on a machine with a network" in str(error.value)
        assert "\n" not in str(error.value)
    row = next(row for row in datasets.status() if row.name == "stacked_mnist")
    assert (row.installed, row.sizes) == (False, (128_000, 26_000, 26_000))


def test_fetching_stacks_fetches_what_they_are_made_of(stand_in, data_home):
    assert datasets.fetch(stand_in) == data_home / "mine.npz"


def test_stacks_of_an_embedded_set_have_no_download():
    with pytest.raises(UsageError, match="data set 'stacked_digits' has no download"):
        datasets.fetch("stacked_digits")


def test_stacks_are_known_by_what_they_are_made_of():
    assert datasets.channels_of("stacked_mnist") == "mnist"
    assert datasets.channels_of("mnist") == datasets.channels_of("npz:some.npz") == ""
    assert DATASETS.get("stacked_digits").levels == DATASETS.get("digits").levels


@pytest.mark.mnist
def test_stacks_of_mnist_are_of_its_splits():
    require_stacks_of_its_split("stacked_mnist")
    assert datasets.verify("stacked_mnist").ok
    splits = datasets.load("stacked_mnist")
    assert splits.packed is not None
    assert splits.train.images.shape == (128_000, 3, 28, 28)
