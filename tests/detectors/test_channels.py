"""Stacks are seen channel by channel, by the classifier of what they are made of."""

import pytest
import torch

from bench import cli, datasets
from bench.detectors._find import find_detector
from bench.errors import UsageError

N = 60


@pytest.fixture(scope="module")
def seen():
    """The first held-out stacks, the detector of stacks, and that of digits."""
    splits = datasets.load("stacked_digits")
    single = find_detector("auto", datasets.load("digits").spec)
    return torch.from_numpy(splits.test.images[:N]), find_detector("auto", splits.spec), single


def test_each_channel_is_seen_by_the_classifier_of_what_stacks_are_made_of(seen):
    images, detector, single = seen
    assert (detector.name, detector.digest) == ("stacked_digits", single.digest)
    assert detector.dim == 3 * single.dim
    assert detector.own_classes
    features, probs = detector(images)
    assert features.shape == (N, detector.dim)
    assert probs.shape == (N, 1_000)
    of = [single(images[:, [k]]) for k in range(3)]
    # float32 sums of other batches: 1e-5 of the features' size.
    torch.testing.assert_close(features, torch.cat([f for f, _ in of], 1), rtol=1e-5, atol=1e-4)
    for stack in range(N):
        for a, b, c in ((0, 0, 7), (3, 1, 4), tuple(int(p[stack].argmax()) for _, p in of)):
            expected = float(of[0][1][stack, a] * of[1][1][stack, b] * of[2][1][stack, c])
            assert float(probs[stack, 100 * a + 10 * b + c]) == pytest.approx(expected, rel=1e-3)
    torch.testing.assert_close(probs.sum(1), torch.ones(N).double())


def test_classes_of_stacks_are_those_of_their_channels(seen):
    _, detector, single = seen
    digits, stacks = datasets.load("digits").test, datasets.load("stacked_digits").test
    right = single(torch.from_numpy(digits.images))[1].argmax(1) == torch.from_numpy(digits.labels)
    _, probs = detector(torch.from_numpy(stacks.images[:2_000]))
    share = (probs.argmax(1) == torch.from_numpy(stacks.labels[:2_000])).double().mean()
    # All three right; four standard errors of 2,000 stacks of 500 digits.
    assert float(share) == pytest.approx(float(right.double().mean()) ** 3, abs=0.016)


def test_stacks_take_detectors_of_any_images_and_no_other():
    spec = datasets.load("stacked_digits").spec
    assert find_detector("random", spec).name == "random"
    assert find_detector("stacked_digits", spec).name == "stacked_digits"
    with pytest.raises(UsageError, match=r"detector 'digits' sees images of shape \[1, 8, 8\]"):
        find_detector("digits", spec)


def test_no_detector_of_stacks_is_trained_under_that_name(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["bench", "detectors", "train", "stacked_digits"])
    with pytest.raises(SystemExit):
        cli.main()
    said = "detector name 'stacked_digits' is taken by 'digits' on each channel"
    assert said in capsys.readouterr().err
