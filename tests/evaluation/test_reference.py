"""Features of real images: the same bits whatever was asked before, and from one process to another."""

import dataclasses
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import torch

from bench import datasets
from bench.datasets import Arrays, Splits
from bench.detectors._find import find_detector
from bench.evaluation.feature_cache import BlockKey, FeatureCache
from bench.evaluation.reference import BLOCK, ReferenceData
from bench.records import DataSpec

CPU = torch.device("cpu")
SPEC = DataSpec(
    name="noise", shape=(1, 4, 4), num_classes=3, class_prior=(1 / 3,) * 3, levels=256, digest="d1"
)


def arrays(n, seed):
    rng = np.random.default_rng(seed)
    return Arrays(rng.integers(0, 256, (n, 1, 4, 4), np.uint8), np.arange(n) % 3)


SPLITS = Splits(spec=SPEC, train=arrays(1_300, 0), val=arrays(700, 1), test=arrays(700, 2))


class Means:
    """Features that a float32 cannot hold, of images in the order in which they were asked for."""

    name, dim, own_classes = "means", 2, True

    def __init__(self, digest="w1", scale=3.0):
        self.digest, self.scale, self.sizes = digest, scale, []

    def __call__(self, images):
        self.sizes.append(len(images))
        mean = images.double().flatten(1).mean(1)
        features = torch.stack([mean / self.scale, mean.square() / 7], 1)
        return features, torch.stack([mean / 255, 1 - mean / 255, 0 * mean], 1)


def cache_in(folder):
    return FeatureCache(folder, keep_seconds=0.0)


def reference_with(detector, cache=None, *, spec=SPEC):
    return ReferenceData(dataclasses.replace(SPLITS, spec=spec), CPU, detector, cache=cache)


def files(folder):
    return sorted(folder.rglob("*.safetensors"))


def test_detector_sees_each_real_image_once_in_whole_blocks():
    detector = Means()
    reference = reference_with(detector)
    for n in (1, 600, 650, 10_000):
        assert len(reference.real_features("val", n, detector).features) == min(n, 700)
    assert detector.sizes == [BLOCK, 700 - BLOCK]


def test_features_do_not_depend_on_what_was_asked_for_before():
    splits = datasets.load("digits")
    detector = find_detector("auto", splits.spec)
    step_by_step, at_once = (
        ReferenceData(splits, CPU, detector),
        ReferenceData(splits, CPU, detector),
    )
    for n in (1, 33, 297, 700):
        last = step_by_step.real_features("train", n, detector)
    whole = at_once.real_features("train", 700, detector)
    assert torch.equal(last.features, whole.features)
    assert torch.equal(last.probs, whole.probs)


def test_features_probabilities_and_labels_are_of_the_images_in_the_splits_order():
    detector, n = Means(), 620
    seen = reference_with(detector).real_features("val", n, detector)
    images, labels = reference_with(None).subset("val", n)
    features, probs = detector(images)
    assert torch.equal(seen.features, features)
    assert torch.equal(seen.probs, probs)
    assert torch.equal(seen.labels, labels)


def in_another_process(work, folder):
    """A fresh process that calls the function of this file with the folder; forks of torch hang."""
    module = pathlib.Path(__file__).stem
    code = f"import sys, pathlib, {module}; {module}.{work.__name__}(pathlib.Path(sys.argv[1]))"
    path = os.pathsep.join([str(pathlib.Path(__file__).parent), *sys.path])
    return subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], env={**os.environ, "PYTHONPATH": path}
    )


def read_validation(folder):
    reference_with(Means(), cache_in(folder)).real_features("val", 700, Means())


def write_often(folder):
    """Unmakes and makes the same blocks again and again."""
    detector = Means()
    expected = reference_with(detector).real_features("train", 1_300, detector).features
    for _ in range(40):
        for path in files(folder):
            path.unlink(missing_ok=True)
        seen = reference_with(detector, cache_in(folder)).real_features("train", 1_300, detector)
        assert torch.equal(seen.features, expected)


@pytest.mark.slow
def test_another_process_reads_the_same_bits_and_asks_no_detector(tmp_path):
    detector = Means()
    assert in_another_process(read_validation, tmp_path).wait() == 0
    read = reference_with(detector, cache_in(tmp_path)).real_features("val", 700, detector)
    assert detector.sizes == []
    computed = reference_with(detector).real_features("val", 700, detector)
    assert torch.equal(read.features, computed.features)
    assert torch.equal(read.probs, computed.probs)
    assert torch.equal(read.labels, computed.labels)


def test_network_features_are_kept_in_float32_which_loses_nothing(tmp_path):
    splits = datasets.load("digits")
    detector = find_detector("auto", splits.spec)
    computed = ReferenceData(splits, CPU, detector, cache=cache_in(tmp_path)).real_features(
        "val", 297, detector
    )
    read = ReferenceData(splits, CPU, detector, cache=cache_in(tmp_path)).real_features(
        "val", 297, detector
    )
    assert torch.equal(read.features, computed.features)
    assert read.features.dtype == torch.float64
    assert torch.equal(read.probs, computed.probs)
    [path] = files(tmp_path)
    # 32 features in 4 bytes, 10 probabilities in 8, and the header.
    assert path.stat().st_size < 297 * (32 * 4 + 10 * 8) + 1_000


def test_more_images_than_are_kept_are_computed_and_added(tmp_path):
    first, second = Means(), Means()
    reference_with(first, cache_in(tmp_path)).real_features("train", 400, first)
    reference_with(second, cache_in(tmp_path)).real_features("train", 1_300, second)
    assert first.sizes == [500]
    assert second.sizes == [500, 300]
    assert [path.name[:6] for path in files(tmp_path)] == ["000000", "000500", "001000"]


@pytest.mark.parametrize("change", ["data", "split", "weights", "threads", "nothing"])
def test_other_data_split_weights_or_threads_are_computed_anew(change, tmp_path, monkeypatch):
    first = Means()
    reference_with(first, cache_in(tmp_path)).real_features("val", 500, first)
    second = Means(digest="w2" if change == "weights" else "w1")
    spec = dataclasses.replace(SPEC, digest="d2" if change == "data" else "d1")
    if change == "threads":
        monkeypatch.setattr(torch, "get_num_threads", lambda: 97)
    split = "test" if change == "split" else "val"
    reference_with(second, cache_in(tmp_path), spec=spec).real_features(split, 500, second)
    assert second.sizes == ([] if change == "nothing" else [500])


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-8],
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        lambda data: b"",
        lambda data: b"no tensors",
    ],
    ids=["cut", "one bit", "empty", "other"],
)
def test_damaged_file_is_computed_again_and_mended(damage, tmp_path):
    detector = Means()
    computed = reference_with(detector, cache_in(tmp_path)).real_features("val", 500, detector)
    [path] = files(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    again = reference_with(detector, cache_in(tmp_path)).real_features("val", 500, detector)
    assert detector.sizes == [500, 500]
    assert torch.equal(again.features, computed.features)
    reference_with(detector, cache_in(tmp_path)).real_features("val", 500, detector)
    assert detector.sizes == [500, 500]


def test_files_can_be_read_by_whoever_may_read_the_folders_others(tmp_path):
    detector = Means()
    reference_with(detector, cache_in(tmp_path)).real_features("val", 500, detector)
    (tmp_path / "plain").write_text("")
    [path] = files(tmp_path)
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_folder_that_cannot_be_written_is_gone_without(tmp_path):
    (tmp_path / "features").write_text("a file where the folder should be")
    detector = Means()
    seen = reference_with(detector, cache_in(tmp_path / "features")).real_features(
        "val", 500, detector
    )
    assert len(seen.features) == 500


def test_what_is_computed_in_no_time_is_not_kept(tmp_path):
    detector = Means()
    reference_with(detector, FeatureCache(tmp_path, keep_seconds=60.0)).real_features(
        "val", 500, detector
    )
    assert files(tmp_path) == []


@pytest.mark.slow
def test_processes_that_write_at_once_leave_one_whole_file_each_block(tmp_path):
    children = [in_another_process(write_often, tmp_path) for _ in range(2)]
    assert [child.wait() for child in children] == [0, 0]
    detector = Means()
    reference_with(detector, cache_in(tmp_path)).real_features("train", 1_300, detector)
    assert len(files(tmp_path)) == 3
    assert list(tmp_path.rglob("*.partial")) == []


def test_two_devices_and_two_detectors_never_share_a_file():
    key = BlockKey(
        data_digest="d1",
        split="val",
        start=0,
        size=500,
        detector="means",
        detector_digest="w1",
        device=CPU,
    )
    others = [
        dataclasses.replace(key, detector="others"),
        dataclasses.replace(key, start=500),
        dataclasses.replace(key, size=499),
        dataclasses.replace(key, device=torch.device("meta")),
    ]
    assert key.path not in {other.path for other in others}
    assert not any(part.startswith((".", "/")) for part in key.path.parts)


def total(calls):
    """What counts how often it is computed."""

    def compute(*tensors):
        calls.append(len(tensors))
        return torch.stack([each.sum() for each in tensors]).double() / 3

    return compute


@pytest.mark.parametrize("change", ["values", "shape", "name", "threads", "damage", "nothing"])
def test_constant_is_computed_again_only_of_other_tensors_or_under_other_conditions(
    change, tmp_path, monkeypatch
):
    calls, a, b = [], torch.arange(6.0), torch.ones(2)
    first = cache_in(tmp_path).constant("total", total(calls), a, b)
    assert first.tolist() == [15 / 3, 2 / 3]  # float64
    if change == "threads":
        monkeypatch.setattr(torch, "get_num_threads", lambda: 97)
    if change == "damage":
        [path] = files(tmp_path)
        path.write_bytes(path.read_bytes()[:-1])
    a = a + 1 if change == "values" else a.view(2, 3) if change == "shape" else a
    name = "other" if change == "name" else "total"
    again = cache_in(tmp_path).constant(name, total(calls), a, b)
    assert calls == ([2] if change == "nothing" else [2, 2])
    assert torch.equal(again, first) == (change != "values")


def test_without_a_folder_a_constant_is_computed_each_time():
    calls, reference = [], reference_with(None)
    for _ in range(2):
        reference.constant("total", total(calls), torch.ones(3))
    assert calls == [1, 1]
