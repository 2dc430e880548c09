"""Two folders that share Optuna's storage, on sqlite and on a real PostgreSQL."""

import re
from itertools import count

import pytest

from bench.errors import Undelivered, UsageError
from bench.study.storage import OptunaGrid
from bench.tracking.address import sqlite_uri
from bench.tracking.holder import Holder
from bench.tracking.mlflow import Store

NUMBERS = count()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def storage(request, tmp_path):
    if request.param == "sqlite":
        return sqlite_uri(tmp_path / "optuna.db")
    return request.getfixturevalue("postgres").database(f"shared{next(NUMBERS)}")


def elsewhere(made, root):
    """The same study with a store of its own, as somebody has it in another folder."""
    return type(made)(**{**vars(made), "root": root, "store": type(made.store)()})


def test_second_driver_is_refused_with_who_holds_the_storage(either, storage, tmp_path):
    either.storage = storage
    other = elsewhere(either, tmp_path / "hers")
    with (
        either.driver().alone(),
        pytest.raises(
            UsageError,
            match=rf"in the storage '{re.escape(storage)}' is being run by .* in '.*/runs/made-",
        ),
    ):
        other.run()
    assert other.store.runs == {}
    assert either.run().ran
    assert len(other.run().ran) == len(other.records())


def test_drivers_of_two_studies_share_a_storage(grid, search, storage, tmp_path):
    grid.storage = search.storage = storage
    search.study = search.study.model_copy(update={"name": "other"})
    with grid.driver().alone(), search.driver().alone():
        pass


@pytest.mark.postgres
def test_second_driver_is_refused_on_one_postgresql_for_all(
    grid, postgres, migrated_postgres, tmp_path
):
    grid.storage = postgres.database("all_optuna")
    uri = postgres.database("all_mlflow", like=migrated_postgres)
    grid.store = Store(uri)
    other = elsewhere(grid, tmp_path / "hers")
    other.store = Store(uri)
    refused = pytest.raises(UsageError, match=r"^study 'made-.*' is being run by .* in '.*/runs/")
    with grid.driver().alone(), refused:
        other.run()
    assert grid.run().ran
    with pytest.raises(UsageError, match="in this store belong to"):
        other.run()


@pytest.mark.postgres
def test_server_that_was_started_again_is_asked_on_and_one_that_is_gone_is_told(grid, monkeypatch):
    from postgres_server import postgres_running

    with postgres_running() as server:
        grid.storage = server.database("optuna")
        engine = grid.engine()
        train, cuts = engine.train, iter(["restart", "stop"])

        def cut(*arguments):
            how = next(cuts, "")
            if how:
                server.stop()
            if how == "restart":
                server.start()
            return train(*arguments)

        engine.train = cut
        with pytest.raises(Undelivered, match=r"does not answer \(.*\): .* give the same command"):
            grid.run(engine)
        assert len(engine.ran) == 2
        server.start()
        monkeypatch.setattr(
            Holder, "is_dead", True
        )  # as the process that kept its claim is by then
        assert len(grid.run().trained) == len(grid.driver().runs()) - 2


@pytest.mark.postgres
def test_database_that_is_not_there_is_told_with_the_remedy(postgres):
    said = r"storage .* does not open \(.*\): make that database first, as with createdb"
    with pytest.raises(UsageError, match=said):
        OptunaGrid("grid", postgres.uri("nowhere"), {})
