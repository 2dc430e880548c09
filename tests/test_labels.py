"""Class labels: drawn from the training prior, joined to vectors, refused where there are none."""

import pytest
import torch

from bench.errors import UsageError
from bench.labels import draw_labels, join_class, require_classes
from bench.records import DataSpec
from bench.runtime import DeviceRng, generator


def spec_of(*shares):
    return DataSpec(
        name="made",
        shape=(1, 4, 4),
        num_classes=len(shares),
        class_prior=shares,
        levels=256,
        digest="0" * 16,
    )


class Given:
    """Noise that gives the numbers it was made with."""

    def __init__(self, *values):
        self.values = torch.tensor(values)

    def uniform(self, *shape):
        assert shape == self.values.shape
        return self.values


def test_labels_are_the_inverse_of_the_cumulated_shares():
    spec = spec_of(0.5, 0.25, 0.25)
    drawn = draw_labels(spec, 6, Given(0.0, 0.499, 0.5, 0.749, 0.75, 0.9999999))
    assert drawn.tolist() == [0, 0, 1, 1, 2, 2]
    assert drawn.dtype == torch.int64


def test_labels_come_in_the_shares_of_the_training_prior():
    labels = draw_labels(spec_of(0.7, 0.0, 0.3), 20_000, DeviceRng(generator("labels")))
    shares = torch.bincount(labels, minlength=3) / 20_000
    # The standard error of a share is at most 0.0033: four of them.
    torch.testing.assert_close(shares, torch.tensor([0.7, 0.0, 0.3]), atol=0.013, rtol=0)
    assert shares[1] == 0


def test_shares_that_sum_to_less_than_one_leave_no_label_beyond_the_last():
    assert draw_labels(spec_of(0.333, 0.333, 0.333), 1, Given(0.9999)).tolist() == [2]


def test_class_is_joined_as_one_hot():
    joined = join_class(torch.tensor([[0.5], [0.25]]), torch.tensor([2, 0]), 3)
    assert joined.tolist() == [[0.5, 0, 0, 1], [0.25, 1, 0, 0]]
    vectors = torch.ones(2, 3)
    assert join_class(vectors, None, 0) is vectors


def test_model_with_classes_is_refused_on_data_without_labels():
    with pytest.raises(UsageError, match="'made' has no labels: take a data set with labels"):
        require_classes(spec_of(), "cgan")
    assert require_classes(spec_of(0.5, 0.5), "cgan") == 2
