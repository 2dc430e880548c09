"""Measures that read the same pairs share them; what real images alone decide is kept."""

import pytest
import torch

from bench.contracts import EvalFns
from bench.datasets import Arrays, Splits
from bench.distances import pairs as distances
from bench.evaluation.feature_cache import FeatureCache
from bench.evaluation.reference import ReferenceData
from bench.evaluation.view import Generated, View
from bench.images import to_unit
from bench.metrics import METRICS, _pairs, copying, floors
from bench.testing import made_images, made_spec

CPU = torch.device("cpu")
NUM_VAL, NUM_TEST = 60, 90


class Pixels:
    """The corners of an image as its features."""

    name, digest, dim, own_classes = "pixels", "0" * 16, 4, False

    def __call__(self, images):
        return images.double().flatten(1)[:, 27:31] / 255, None


@pytest.fixture
def counted(monkeypatch):
    """What was computed: numbers of points within a set, and of pairs of sets."""
    calls = []

    def within(points):
        calls.append(len(points))
        return distances.within(points)

    class Pairs(distances.Pairs):
        def __init__(self, fake, real, *within):
            calls.append((len(fake), len(real)))
            super().__init__(fake, real, *within)

    monkeypatch.setattr(_pairs, "within", within)
    monkeypatch.setattr(_pairs, "Pairs", Pairs)
    return calls


def arrays(n):
    return Arrays(made_images(n).numpy(), None)


def generated(folder, shift=0, num_train=300):
    """Samples of a model that shows made images, a shift brighter."""
    shown = (made_images(NUM_TEST) // 2).add(shift)
    fns = EvalFns(
        latent=lambda _, n, __: torch.arange(n), decode=lambda _, z, __: to_unit(shown[z])
    )
    splits = Splits(
        spec=made_spec(), train=arrays(num_train), val=arrays(NUM_VAL), test=arrays(NUM_TEST)
    )
    cache = folder and FeatureCache(folder, keep_seconds=0.0)
    return Generated(ReferenceData(splits, CPU, Pixels(), cache=cache), {}, fns)


def measured(generated, *names):
    values = {}
    for split, counts in (("val", (NUM_VAL,)), ("test", (NUM_VAL, NUM_TEST))):
        view = View(
            generated=generated, split=split, counts=counts, max_samples=NUM_TEST, with_floors=True
        )
        for name in names:
            values |= {f"{split}/{k}": v for k, v in METRICS.get(name).measure(view).items()}
    return values


def test_kernel_overlap_and_copying_make_each_pair_once_and_both_splits_share_the_samples(counted):
    measured(generated(None), "kernel", "overlap", "copying")
    val = [NUM_VAL, NUM_VAL, (NUM_VAL, NUM_VAL)]  # samples, real images, both
    test = [NUM_VAL, (NUM_VAL, NUM_VAL), NUM_TEST, NUM_TEST, (NUM_TEST, NUM_TEST)]
    assert counted == val + test


def test_what_real_images_alone_decide_is_computed_for_the_first_model_only(
    counted, tmp_path, monkeypatch
):
    names = ("kernel", "overlap", "floors")
    measured(generated(tmp_path), *names)
    counted.clear()
    for name in ("floor_train", "floor_heldout"):
        monkeypatch.setattr(floors, name, None)
    seen = measured(generated(tmp_path, shift=40), *names)
    assert [each for each in counted if isinstance(each, int)] == [NUM_VAL, NUM_TEST]  # samples
    monkeypatch.undo()
    assert seen == measured(generated(None, shift=40), *names)
    assert any(name.startswith("test/floor_train_fd_pixels") for name in seen)


def test_share_of_copies_is_rescaled_to_no_copy_and_nothing_but_copies(monkeypatch):
    """A memoriser said to copy 0.61 of its samples, since only some originals were looked at."""
    num, read = NUM_TEST - 10, NUM_TEST - 30
    monkeypatch.setattr(copying, "MOST_TRAINING", read)
    few = generated(None, num_train=num)
    sizes = {"train": read, "test": NUM_TEST}
    real = [few.reference.real_features(s, n, Pixels()).features for s, n in sizes.items()]
    fake = few.features(NUM_TEST, NUM_TEST, Pixels()).features
    to_train, to_held = (torch.cdist(fake, each).amin(1) for each in real)
    chance = read / (read + NUM_TEST)
    perfect = read / num + (1 - read / num) * chance
    expected = (float((to_train < to_held).double().mean()) - chance) / (perfect - chance)
    assert measured(few, "copying")["test/copied"] == pytest.approx(expected)
