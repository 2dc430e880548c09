"""Curves are read in bulk, and only those that a figure draws."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from synthetic_study import IDENTITY, pictures, run_record

from bench.plan.study import Arm, Identity, Study, Tier
from bench.plots import PLOTS
from bench.report.writer import write_results
from bench.results.results import read_results
from bench.results.tracked import tracked_results
from bench.tracking.histories import read_histories
from bench.tracking.mlflow import Store
from bench.tracking.run_logger import Value

SCALE = Path(__file__).parents[2] / "benchmarks" / "report_scale.py"


class OneByOne:
    """A client of a server: without a database that it could query in bulk."""

    def __init__(self, client):
        self.get_metric_history = client.get_metric_history


@pytest.fixture
def logged(store_uri):
    """A store with three runs; the first was resumed, the last has no curve."""
    store = Store(store_uri)
    experiment_id = store.experiment("e")
    ids = [store.create_run(experiment_id, name=str(i), params={}, tags={}) for i in range(3)]
    for i, run_id in enumerate(ids[:2]):
        logger = store.logger(run_id)
        for step in (30, 10, 20):
            logger.metrics({"val/fd": step + i / 2}, step)
        logger.flush()
    again = store.logger(ids[0])
    again.send([Value("val/fd", 99.0, 20, 2**42)], {})
    return store, ids


def test_curves_of_many_runs_are_those_of_each(logged):
    store, ids = logged
    expected = {
        ids[0]: [(10, 10.0), (20, 99.0), (30, 30.0)],
        ids[1]: [(10, 10.5), (20, 20.5), (30, 30.5)],
    }
    assert store.histories(ids, "val/fd") == expected
    assert read_histories(OneByOne(store._client), ids, "val/fd") == expected


def test_figures_ask_for_the_curves_of_drawn_cells_alone_and_at_once():
    study = Study(
        name="depth_sweep",
        question="Which depth?",
        arms=(Arm(name="gan", model="gan"),),
        factors={"model.depth": (1, 2, 3, 4, 5), "model.lr": (0.001, 0.1)},
        tiers={"classroom": Tier(dataset="digits")},
    )
    records = []
    for lr, level in (("0.001", 6.5), ("0.1", 60.0)):
        for record in (
            run_record("gan", d, s, {"gan": level}) for d in range(1, 6) for s in (0, 1)
        ):
            record.params["model.lr"] = lr
            object.__setattr__(record, "run_id", f"{record.run_id}_{lr}")
            records.append(record)
    asked = []

    def curves(run_ids, name):
        asked.append((name, len(run_ids)))
        assert all(run_id.endswith("_0.001") for run_id in run_ids)
        return {r.run_id: r.histories[name] for r in records if r.run_id in run_ids}

    results = read_results(study, IDENTITY, records, pictures(), curves=curves)
    rows = {name: plot.numbers(results) for name, plot in PLOTS.items()}
    assert {"val/fd_digits_n297", "train/generator_loss"} <= {name for name, _ in asked}
    of_median_run = ("val/fd_digits_n297", 1)  # whose samples stand as its training went on
    assert {number for each in asked if each != of_median_run for number in each[1:]} == {10}
    assert asked.count(of_median_run) == 1
    without = read_results(study, IDENTITY, records, pictures())
    for name, plot in PLOTS.items():
        assert rows[name].equals(plot.numbers(without))


@pytest.mark.slow
def test_reads_of_the_store_do_not_grow_with_runs_that_no_figure_draws(tmp_path):
    few, many = (counted_reads(tmp_path / str(number), number) for number in (60, 400))
    assert few == many
    assert few["curves"] > 0


def counted_reads(folder, number):
    """Reads that a report of 30 runs and many trials makes: queries, and runs asked for curves."""
    spec = importlib.util.spec_from_file_location("report_scale", SCALE)
    scale = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(scale)
    store = Store(scale.make(folder, number, "search"))
    reads = {"pages": 0, "queries": 0, "curves": 0}
    tables = store._tables
    runs, values = tables.runs, tables.values

    def counted_runs(experiment_id):
        reads["pages"] += 1
        return runs(experiment_id)

    def counted_values(run_ids, key):
        reads["queries"] += 1
        reads["curves"] += len(run_ids)
        return values(run_ids, key)

    tables.runs, tables.values = counted_runs, counted_values
    identity = Identity(study=scale.NAME, tier="classroom", dataset="digits")
    results = tracked_results(store, identity, store.experiment(identity.key))
    write_results(results, folder / "report")
    return reads


@pytest.mark.slow
def test_scale_script_prints_seconds_and_memory():
    command = [sys.executable, str(SCALE), "--runs", "40", "--shape", "search"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    last = done.stdout.splitlines()[-1]
    found = re.fullmatch(
        r"40 runs \(search\): [\d.]+ s, of the processor ([\d.]+) s, (\d+) MB", last
    )
    assert found, last
    assert float(found[1]) > 0
    assert 50 < int(found[2]) < 1_000
