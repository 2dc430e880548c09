from __future__ import annotations

import numpy as np
import pytest

from bench import datasets

pytestmark = pytest.mark.mnist


def test_mnist_has_54000_6000_10000_images_and_the_published_digest() -> None:
    splits = datasets.load("mnist")
    assert splits.train.images.shape == (54_000, 1, 28, 28)
    assert splits.val.images.shape == (6_000, 1, 28, 28)
    assert splits.test.images.shape == (10_000, 1, 28, 28)
    assert splits.spec.digest == "6d251fe264f41f31"
    assert datasets.verify("mnist").published == "4142535bc9e8b9de"
    assert datasets.verify("mnist").ok


def test_mnist_test_split_is_the_published_one() -> None:
    labels = datasets.load("mnist").test.labels
    assert labels is not None
    assert labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert np.bincount(labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
