"""What every registered data set gives."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from bench import datasets
from bench.datasets import DATASETS
from bench.errors import UsageError

NAMES = DATASETS.names()
READY = [row.name for row in datasets.status() if row.installed]


def test_the_five_data_sets_are_registered() -> None:
    assert set(NAMES) >= {"cifar10", "digits", "fashion_mnist", "mnist", "svhn"}


def test_listing_data_sets_imports_no_torch() -> None:
    code = "import sys, bench.datasets as d; d.status(); print('torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "False\n"


@pytest.mark.parametrize("name", NAMES)
def test_source_describes_itself(name: str) -> None:
    source = DATASETS.get(name)
    assert 20 < len(source.summary) < 100
    assert "\n" not in source.summary
    assert 2 <= source.levels <= (256 if source.truth is None else 65_536)
    assert source.published is not None


@pytest.mark.parametrize("name", NAMES)
def test_status_states_shape_and_sizes(name: str) -> None:
    row = next(row for row in datasets.status() if row.name == name)
    facts = DATASETS.get(name).published
    assert facts is not None
    assert row.shape == facts.shape
    assert row.sizes is not None
    assert sum(row.sizes) == facts.num_train + facts.num_val + facts.num_test
    of = DATASETS.get(DATASETS.get(name).channels_of or name)
    assert (row.path is None) == (of.read is not None)


@pytest.mark.parametrize("name", READY)
def test_available_set_loads_as_its_source_says(name: str) -> None:
    splits = datasets.load(name)
    row = next(row for row in datasets.status() if row.name == name)
    assert (len(splits.train), len(splits.val), len(splits.test)) == row.sizes
    assert splits.spec.name == name
    assert splits.spec.shape == row.shape
    assert splits.spec.levels == DATASETS.get(name).levels
    assert sum(splits.spec.class_prior) == pytest.approx(1.0, abs=1e-12)  # float64 rounding
    for part in (splits.train, splits.val, splits.test):
        assert part.images.dtype == (np.uint8 if splits.spec.levels <= 256 else np.uint16)
        assert part.images.shape[1:] == splits.spec.shape
        assert part.images.flags.c_contiguous
        assert part.labels is not None
        assert part.labels.dtype == np.int64
        assert set(part.labels.tolist()) == set(range(splits.spec.num_classes))


@pytest.mark.parametrize("name", READY)
def test_available_set_agrees_with_its_digests(name: str) -> None:
    verdict = datasets.verify(name)
    assert verdict.ok, verdict.sentence


def test_unknown_name_lists_what_is_known() -> None:
    with pytest.raises(
        UsageError, match=r"unknown dataset 'minst': did you mean 'mnist'.*npz:PATH"
    ):
        datasets.load("minst")


@pytest.mark.parametrize("kind", ["folder", "npz"])
def test_reader_without_a_path_is_refused(kind: str) -> None:
    with pytest.raises(UsageError, match=f"dataset '{kind}:' has no path: write {kind}:PATH"):
        datasets.load(f"{kind}:")


def test_source_with_two_origins_is_refused() -> None:
    digits = DATASETS.get("digits").read
    with pytest.raises(ValueError, match="exactly one of read, download and channels_of"):
        datasets.DatasetSource(summary="both", read=digits, download=lambda _: digits())  # type: ignore[misc]
