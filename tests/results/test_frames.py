"""Runs as pandas frames."""

from __future__ import annotations

import pandas as pd

from bench.records import RunRecord
from bench.results.frames import CURVE_COLUMNS, curves_frame, results_frame


def record(number: int, **params: str) -> RunRecord:
    return RunRecord(
        run_id=f"run{number}",
        params={"model": "vae", "train.seed": str(number), **params},
        tags={"family": "vae", "seed": str(number), "status": "ok", "command": "x", "threads": "1"},
        metrics={"train/loss": 2.0, "val/fd_n10": 3.0 + number, "test/fd_n10": 4.0},
    )


def test_results_have_a_row_for_each_run_and_numbers_where_all_are() -> None:
    given = [
        record(0, **{"model.depth": "3", "model.lr": "1e-3", "model.conditional": "True"}),
        record(1, **{"model.depth": "4", "model.hidden": "512"}),
        record(2, **{"model.hidden": "512-256", "model.lr": "2"}),
    ]
    found = results_frame(given)
    assert found["run_id"].tolist() == ["run0", "run1", "run2"]
    assert found["val/fd_n10"].tolist() == [3.0, 4.0, 5.0]
    assert found["counts"].tolist() == [True] * 3
    assert found["model.depth"].tolist() == [3, 4, pd.NA]
    assert found["model.depth"].dtype == found["threads"].dtype == "Int64"
    assert found["model.lr"].dropna().tolist() == [0.001, 2.0]
    assert found["model.conditional"].tolist() == [True, pd.NA, pd.NA]
    assert found["model.hidden"].tolist() == [None, "512", "512-256"]
    assert "command" not in found
    assert found.columns.is_unique


def test_run_whose_place_another_took_does_not_count() -> None:
    given = record(0)
    given.tags["role"] = "superseded"
    assert results_frame([given, record(1)])["counts"].tolist() == [False, True]


def test_curves_are_in_long_form_in_the_order_of_runs_names_and_images() -> None:
    points = {
        "train/loss": {"run0": [(64, 2.0), (128, 1.0)], "run1": [(64, 3.0)]},
        "val/fd_n10": {"run0": [(128, 9.0)]},
    }
    found = curves_frame([record(1), record(0)], lambda _, name: points[name])
    assert list(found.columns) == list(CURVE_COLUMNS)
    assert found.to_numpy().tolist() == [
        ["run1", "vae", 1, "train/loss", 64, 3.0],
        ["run0", "vae", 0, "train/loss", 64, 2.0],
        ["run0", "vae", 0, "train/loss", 128, 1.0],
        ["run0", "vae", 0, "val/fd_n10", 128, 9.0],
    ]
