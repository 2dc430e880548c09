from __future__ import annotations

import numpy as np
import pytest

from bench import datasets
from bench.datasets._splits import (
    Arrays,
    Labels,
    Parts,
    check_parts,
    digest_of,
    held_out_size,
    shares_of,
    split_sizes,
)
from bench.datasets.digits import read
from bench.errors import UsageError


def numbered(n: int, labels: Labels | None = None) -> Arrays:
    """Images whose first two pixels hold their index."""
    images = np.zeros((n, 1, 4, 4), np.uint8)
    images[:, 0, 0, 0], images[:, 0, 0, 1] = np.arange(n) // 256, np.arange(n) % 256
    return Arrays(images, labels)


def numbers(arrays: Arrays) -> list[int]:
    pair = arrays.images[:, 0, 0, :2].astype(int)
    return (pair[:, 0] * 256 + pair[:, 1]).tolist()


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("n", [30, 31, 100, 999, 5_000])
def test_splits_of_one_part_are_disjoint_and_complete(n: int, labelled: bool) -> None:
    arrays = numbered(n, np.arange(n) % 7 if labelled else None)
    found = [numbers(share.taken()) for share in shares_of(Parts(arrays))]
    assert sorted(i for part in found for i in part) == list(range(n))
    assert found == [sorted(part) for part in found]


def test_published_test_part_is_left_alone() -> None:
    train, test = numbered(200), numbered(40)
    splits = shares_of(Parts(train, test))
    assert [len(part) for part in splits] == [180, 20, 40]
    assert splits[2].part is test
    assert sorted(numbers(splits[0].taken()) + numbers(splits[1].taken())) == list(range(200))


def test_validation_is_no_run_of_neighbours() -> None:
    _, val, test = shares_of(Parts(numbered(1_000)))
    for part in (val.taken(), test.taken()):
        assert np.ptp(numbers(part)) > 800
        assert set(numbers(part)) != set(range(min(numbers(part)), max(numbers(part)) + 1))


@pytest.mark.parametrize(
    ("n", "held_out"),
    [(30, 3), (1_297, 129), (4_999, 499), (5_000, 1_000), (10_000, 1_000), (60_000, 6_000)],
)
def test_a_tenth_is_held_out_and_a_thousand_where_the_data_allows(n: int, held_out: int) -> None:
    assert held_out_size(n) == held_out
    assert split_sizes(n, 7) == (n - held_out, held_out, 7)
    assert split_sizes(n, 0) == (n - 2 * held_out, held_out, held_out)


def test_carved_splits_keep_the_class_shares() -> None:
    labels = np.repeat(np.arange(3), [500, 300, 200]).astype(np.int64)
    for part, expected in zip(
        shares_of(Parts(numbered(1_000, labels))),
        ([400, 240, 160], [50, 30, 20], [50, 30, 20]),
        strict=True,
    ):
        assert part.labels is not None
        assert np.bincount(part.labels).tolist() == expected


def test_classes_with_one_image_are_held_out_last() -> None:
    labels = np.array([0] * 20 + list(range(1, 11)), np.int64)
    train, val, test = shares_of(Parts(numbered(30, labels)))
    assert (len(train), len(val), len(test)) == (24, 3, 3)
    assert test.labels is not None
    assert test.labels.tolist() == [0, 0, 0]


def test_digits_are_split_1000_297_500_and_stratified() -> None:
    splits = datasets.load("digits")
    shares = []
    for part, size in ((splits.train, 1_000), (splits.val, 297), (splits.test, 500)):
        assert part.labels is not None
        assert len(part) == size
        shares.append(np.bincount(part.labels) / size)
    # One image more or less in a class of 297 moves its share by 0.0034.
    np.testing.assert_allclose(shares[1], shares[0], atol=0.0034)
    np.testing.assert_allclose(shares[2], shares[0], atol=0.0034)
    assert splits.spec.class_prior == tuple(shares[0].tolist())


def test_digits_splits_hold_every_digit_once() -> None:
    splits = datasets.load("digits")
    found = np.concatenate([part.images for part in (splits.train, splits.val, splits.test)])
    expected = read().train.images
    assert sorted(image.tobytes() for image in found) == sorted(i.tobytes() for i in expected)


def test_digits_are_those_of_scikit_learn_in_17_levels_scaled_to_255() -> None:
    from sklearn.datasets import load_digits

    digits, theirs = read().train, load_digits()
    assert np.unique(digits.images).tolist() == [round(k * 255 / 16) for k in range(17)]
    scaled = np.rint(theirs.images * (255 / 16)).astype(np.uint8)
    np.testing.assert_array_equal(digits.images[:, 0], scaled)
    np.testing.assert_array_equal(digits.labels, theirs.target)


def test_digits_digest_is_the_same_on_every_machine() -> None:
    assert datasets.load("digits").spec.digest == "f706a3b8a95b1ca6"


def test_loading_twice_gives_the_same_splits() -> None:
    first, second = datasets.load("digits"), datasets.load("digits")
    assert first.spec == second.spec
    for split in ("train", "val", "test"):
        left, right = getattr(first, split), getattr(second, split)
        np.testing.assert_array_equal(left.images, right.images)
        np.testing.assert_array_equal(left.labels, right.labels)


def test_digest_changes_with_one_pixel_one_label_or_the_shape() -> None:
    arrays = numbered(30, np.zeros(30, np.int64))
    pixel, label = arrays.images.copy(), np.zeros(30, np.int64)
    pixel[29, 0, 3, 3] ^= 1
    label[29] = 1
    variants = [
        arrays,
        Arrays(pixel, arrays.labels),
        Arrays(arrays.images, label),
        Arrays(arrays.images),
        Arrays(arrays.images.reshape(30, 1, 2, 8), arrays.labels),
        Arrays(arrays.images.astype(np.int8), arrays.labels),  # type: ignore[arg-type]
    ]
    assert len({digest_of(variant) for variant in variants}) == len(variants)
    assert digest_of(arrays) == digest_of(Arrays(arrays.images.copy(), np.zeros(30, np.int64)))


def test_digest_does_not_depend_on_memory_order() -> None:
    images = numbered(30).images
    assert digest_of(Arrays(np.asfortranarray(images))) == digest_of(Arrays(images))


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        (Parts(numbered(29)), "has 29 training images, expected at least 30: add images"),
        (
            Parts(Arrays(np.zeros((30, 1, 3, 9), np.uint8))),
            "images of 3x9 pixels, expected at least 4x4: enlarge them first",
        ),
        (
            Parts(Arrays(np.zeros((30, 2, 4, 4), np.uint8))),
            r"dtype uint8 and shape \[30, 2, 4, 4\], expected uint8 \[N, C, H, W\] with C 1 or 3",
        ),
        (
            Parts(Arrays(np.zeros((30, 1, 4, 4)))),  # type: ignore[arg-type]
            "gives images of dtype float64",
        ),
        (
            Parts(numbered(30), Arrays(np.zeros((5, 1, 4, 5), np.uint8))),
            r"train images of shape \[1, 4, 4\] and test images of shape \[1, 4, 5\]",
        ),
        (Parts(numbered(30), numbered(0)), "has an empty test part"),
        (
            Parts(numbered(30, np.zeros(30, np.int64)), numbered(5)),
            "labels in only one of train and test",
        ),
        (
            Parts(numbered(30, np.zeros(29, np.int64))),
            r"30 images and labels of shape \[29\], expected one label for each",
        ),
        (
            Parts(numbered(30, np.arange(1, 31))),
            r"labels from 1 to 30, expected 0\.\.29 \(0 is missing\): renumber",
        ),
        (
            Parts(numbered(30, np.zeros(30, np.int64)), numbered(2, np.array([0, 4]))),
            r"has test label 4, expected 0\.\.0 as in train",
        ),
    ],
)
def test_unusable_images_are_refused_in_one_sentence(parts: Parts, sentence: str) -> None:
    with pytest.raises(UsageError, match=f"data set 'mine' .*{sentence}"):
        check_parts("mine", parts)


@pytest.mark.parametrize("kind", ["folder", "npz"])
def test_path_that_the_system_refuses_is_told(kind: str) -> None:
    with pytest.raises(
        UsageError, match=r"cannot be read \(File name too long\): give the path of"
    ):
        datasets.load(f"{kind}:{'x' * 300}")
    with pytest.raises(UsageError, match=r"'~nobody-here/x' is no f(older|ile)"):
        datasets.load(f"{kind}:~nobody-here/x")
