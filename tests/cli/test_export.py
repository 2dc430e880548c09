"""``bench export``: what it writes, and what it refuses."""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path

import pandas as pd
import pytest

from bench.cli.export import _write, export_runs, find_runs
from bench.errors import UsageError


def test_table_reads_back_and_no_text_is_a_formula() -> None:
    frame = pd.DataFrame({"reason": ["=1+1", None, "-3"], "value": [0.1, 2.0, float("nan")]})
    _write(frame, Path("a.csv"))
    with Path("a.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["reason", "value"],
            ["'=1+1", "0.1"],
            ["", "2.0"],
            ["-3", ""],
        ]
    _write(frame, Path("a.parquet"))
    pd.testing.assert_frame_equal(pd.read_parquet("a.parquet"), frame, check_dtype=False)


def test_parquet_without_pyarrow_is_refused_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match="needs the package pyarrow, which is not installed: inst"):
        export_runs("depth_sweep", file_format="parquet")


@pytest.mark.parametrize(
    ("source", "given", "sentence"),
    [
        ("depth_swep", {}, "unknown study 'depth_swep': did you mean 'depth_sweep'"),
        (None, {"tier": "lab"}, "every run is read without a STUDY: leave out --tier"),
        ("a.zip", {"dataset": "mnist"}, "'a.zip' holds one study: leave out --tier, --dataset"),
        ("a.zip", {"tracking_uri": "sqlite:///a.db"}, "read without a store: leave out --trac"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_sentence(
    source: str | None, given: dict[str, str], sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        find_runs(source, **given)


def test_other_format_and_a_file_in_the_place_of_the_folder_are_refused() -> None:
    with pytest.raises(UsageError, match="--format must be one of csv, parquet, got 'xlsx'"):
        export_runs("depth_sweep", file_format="xlsx")
