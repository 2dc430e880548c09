"""bench diff: causes before effects, to the last digit."""

import dataclasses
import json
import math

import pytest
from golden.golden import stored_records
from golden.stored_study import stored
from synthetic_study import run_record

from bench.cli.diff import diff_runs
from bench.compare.diff import run_diff
from bench.errors import UsageError
from bench.records import RunRecord
from bench.tracking.mlflow import Store


def record(**values):
    """A run of one setting, one version and one result, changed as said."""
    plain = {
        "params": {"model.depth": "2"},
        "tags": {"torch": "2.13.0", "status": "ok", "folder": "a", "seed": "0"},
        "metrics": {"test/fd": 4.0, "cost/train_seconds": 3.0},
    }
    return RunRecord(run_id="r", **{key: {**plain[key], **values.get(key, {})} for key in plain})


def names(changes):
    return [change.name for change in changes]


def test_run_is_identical_to_its_repetition_whatever_it_took():
    again = record(metrics={"cost/train_seconds": 5.0}, tags={"folder": "b"})
    assert run_diff(record(), again).identical
    nan = record(metrics={"test/fd": math.nan})
    assert run_diff(nan, record(metrics={"test/fd": math.nan})).identical


def test_every_kind_of_difference_stands_under_its_heading():
    other = record(
        params={"model.depth": "3", "model.new": "1"},
        tags={"torch": "2.14.0", "detector_digest_random": "ff", "status": "collapsed"},
        metrics={"test/fd": 5.0},
    )
    found = run_diff(record(), other)
    assert list(found.parts()) == ["configuration", "provenance", "results"]
    assert names(found.configuration) == ["model.depth", "model.new"]
    assert names(found.provenance) == ["detector_digest_random", "torch"]
    assert names(found.results) == ["status", "test/fd"]
    assert (found.configuration[1].first, found.configuration[1].second) == (None, "1")


def test_result_has_its_difference_and_relative_difference():
    (found,) = run_diff(record(), record(metrics={"test/fd": 5.0})).results
    assert (found.difference, found.relative) == (1.0, 0.25)
    (found,) = run_diff(
        record(metrics={"test/fd": -4.0}), record(metrics={"test/fd": -5.0})
    ).results
    assert (found.difference, found.relative) == (-1.0, -0.25)
    (found,) = run_diff(record(metrics={"test/fd": 0.0}), record(metrics={"test/fd": 5.0})).results
    assert (found.difference, found.relative) == (5.0, None)


def test_difference_in_the_last_digit_is_one():
    (found,) = run_diff(
        record(metrics={"test/fd": 0.3}), record(metrics={"test/fd": 0.1 + 0.2})
    ).results
    assert found.line()[1:3] == ["0.3", "0.30000000000000004"]


def test_value_that_is_not_finite_has_no_difference_and_is_valid_json():
    (found,) = run_diff(record(), record(metrics={"test/fd": math.inf})).results
    assert (found.difference, found.relative) == (None, None)
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["second"] == "inf"


def test_seed_is_a_difference_of_configuration():
    found = run_diff(run_record("gan", 2, 0), run_record("gan", 2, 1))
    assert names(found.configuration) == ["train.seed"]
    assert "test/fd_digits_n500" in names(found.results)


def test_runs_of_two_experiments_are_compared_by_the_beginnings_of_their_ids(store_uri):
    store = Store(store_uri)
    one = next(r for r in stored_records() if r.tags["family"] == "pixel_gaussian")
    first = stored(store, [one])[one.run_id]
    other = dataclasses.replace(one, params={**one.params, "model": "other"})
    second = str(
        store.create_run(store.experiment("train"), name="r", params=other.params, tags=other.tags)
    )
    said = []
    found = diff_runs(first[:16], second[:16], say=said.append)
    assert (found["first"], found["second"], found["identical"]) == (first, second, False)
    assert [change["name"] for change in found["configuration"]] == ["model"]
    text = "\n".join(said)
    assert text.index("configuration") < text.index("results")
    assert "provenance" not in text  # nothing differs there
    said.clear()
    assert diff_runs(first, first, say=said.append)["identical"]
    assert said[-1] == "identical, seconds aside"


def test_unknown_run_is_told_in_a_sentence(store_uri):
    with pytest.raises(
        UsageError, match=r"no run 'abc' in 'sqlite:.*take an id from `bench list runs`"
    ):
        diff_runs("abc", "def", say=print)
