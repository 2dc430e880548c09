"""Data sets as inputs of runs."""

import json

import pytest
import torch

from bench.datasets import load
from bench.evaluation.reference import ReferenceData
from bench.tracking.delivery import deliver
from bench.tracking.entries import About, run_id_of
from bench.tracking.journal import Journal
from bench.tracking.mlflow import Store

ABOUT = About(experiment="one", name="run", params={}, tags={})


@pytest.fixture
def given():
    return ReferenceData(load("digits"), torch.device("cpu"), None).inputs()


def test_each_split_has_a_digest_of_its_own_that_repeats(given):
    assert {each.split: each.shape for each in given} == {
        "train": (1_000, 1, 8, 8),
        "val": (297, 1, 8, 8),
        "test": (500, 1, 8, 8),
    }
    assert len({each.digest for each in given}) == 3
    assert given == ReferenceData(load("digits"), torch.device("cpu"), None).inputs()


def test_run_lists_its_splits_once_however_often_it_is_continued(tmp_path, store_uri, given):
    store = Store(store_uri)
    for _ in range(2):
        journal = Journal(tmp_path, ABOUT, begun=True)
        journal.inputs(given)
        journal.close()
        deliver(tmp_path, store)
    run = store._client.get_run(run_id_of(tmp_path))
    found = {one.tags[0].value: one.dataset for one in run.inputs.dataset_inputs}
    assert len(run.inputs.dataset_inputs) == 3
    assert {split: (one.name, one.digest) for split, one in found.items()} == {
        each.split: ("digits", each.digest) for each in given
    }
    schema = json.loads(found["train"].schema)["mlflow_tensorspec"]
    assert json.loads(schema["features"])[0]["tensor-spec"] == {
        "dtype": "uint8",
        "shape": [-1, 1, 8, 8],
    }
