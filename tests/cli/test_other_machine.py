"""A study whose state is on a real PostgreSQL, and a machine that knows the server's address alone."""

import shutil

import pytest
from fault_lab import Lab
from postgres_server import mlflow_serving
from study_fakes import optuna_trials

from bench.cli.evaluate import evaluate_one
from bench.cli.report import make_report
from bench.cli.sample import sample_run
from bench.cli.verify import verify_one
from bench.errors import UsageError
from bench.plots import PLOTS
from bench.report import writer
from bench.tracking.address import sqlite_uri
from bench.tracking.mlflow import Store

pytestmark = pytest.mark.postgres


def ran(folder, uri, storage, data):
    lab = Lab(folder, uri)
    lab.write_study(num_images=400, seeds=2)
    options = ("--jobs", "1", "--storage", storage)
    code, said = lab.bench("run", "--study", "tiny", *options, timeout=900.0, BENCH_DATA=str(data))
    assert code == 0, said
    return lab


@pytest.fixture(scope="module")
def server(postgres, migrated_postgres, tmp_path_factory):
    uri = postgres.database("served", like=migrated_postgres)
    with mlflow_serving(tmp_path_factory.mktemp("served") / "server", uri) as server:
        yield server


@pytest.fixture(scope="module")
def storage(postgres):
    return postgres.database("tiny")


@pytest.fixture(scope="module")
def trained(server, storage, tmp_path_factory, empty_data_home):
    """Where the runs of the server were trained."""
    return ran(tmp_path_factory.mktemp("trained"), server.uri, storage, empty_data_home)


@pytest.fixture
def third(server, monkeypatch, tmp_path):
    """A folder with nothing but the study's file."""
    lab = Lab(tmp_path / "third", server.uri)
    monkeypatch.chdir(lab.folder)
    monkeypatch.setattr(writer, "PLOTS", {"loss_curves": PLOTS.get("loss_curves")})
    return lab


def told(storage):
    return sorted((trial.params["arm"], trial.params["seed"], trial.value) for trial in storage)


def test_study_on_it_is_that_of_sqlite_to_the_last_digit(
    trained, storage, store_uri, tmp_path, empty_data_home
):
    own = sqlite_uri(tmp_path / "optuna.db")
    here = ran(tmp_path / "here", store_uri, own, empty_data_home)
    assert len(here.values()) == 4
    assert trained.values() == here.values()
    assert told(optuna_trials(storage)) == told(optuna_trials(own))


def test_pictures_are_with_the_server_and_nowhere_else(trained, server):
    store = Store(server.uri)
    runs = store.records_of("tiny-classroom-digits")
    pictures = [store.artifact(run.run_id, "pictures/samples.png") for run in runs]
    assert len(pictures) == 4
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    assert not list(trained.folder.rglob("mlruns"))
    assert not list(trained.folder.rglob("mlartifacts"))


def test_machine_with_the_address_alone_reports_and_verifies(trained, third):
    with pytest.raises(UsageError, match="unknown study 'tiny'"):
        make_report("tiny", tracking_uri=third.uri)
    third.write_study(num_images=400, seeds=2)
    page = make_report("tiny", tracking_uri=third.uri)
    assert verify_one(page.parent, tracking_uri=third.uri)["equal"]
    assert sorted(path.name for path in third.folder.iterdir()) == ["reports", "studies"]


def test_machine_without_the_weights_is_told_what_else_it_needs(trained, third):
    runs = Store(third.uri).records_of("tiny-classroom-digits")
    run = next(run.run_id for run in runs if run.about.family == "vae")
    needed = r"weights are in no tracking store: give with --root where it lies, or a copy of it"
    for needing in (sample_run, evaluate_one):
        with pytest.raises(UsageError, match=needed):
            needing(run, tracking_uri=third.uri, device="cpu")
    shutil.copytree(trained.folder / "runs", third.folder / "copied")
    at = {"tracking_uri": third.uri, "root": third.folder / "copied", "device": "cpu"}
    sample_run(run, count=4, out=third.folder / "four.png", **at)
    assert (third.folder / "four.png").read_bytes().startswith(b"\x89PNG")
    assert evaluate_one(run, overrides=["max_samples=100"], **at)
