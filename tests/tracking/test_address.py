"""Addresses of stores: any folder's name can be written, and comes back."""

import contextlib
from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.text import masked
from bench.tracking.address import database_path, require_apart, sqlite_uri, store_uri
from bench.tracking.opening import remedy

NAMES = [
    "a b",
    "a%20b",
    "a?b",
    "a#b",
    "a'b",
    'a"b',
    "Größe",
    "模型",
    "a&b=c",
    "a;b",
    "a{b}",
    "a\\b",
]


@pytest.mark.parametrize("name", NAMES)
def test_folder_of_any_name_is_read_back_from_the_address_of_its_database(name):
    path = Path("/data") / name / "mlflow.db"
    assert database_path(sqlite_uri(path)) == path
    assert database_path(store_uri(sqlite_uri(path))) == path


def test_plain_path_is_written_as_users_write_it(tmp_path):
    assert sqlite_uri(tmp_path / "a b.db") == f"sqlite:///{tmp_path}/a b.db"
    assert store_uri("sqlite:///x.db") == f"sqlite:///{tmp_path}/x.db"
    assert store_uri("sqlite:///x.db?timeout=9") == f"sqlite:///{tmp_path}/x.db?timeout=9"


def test_folder_whose_name_is_no_text_is_told():
    with pytest.raises(UsageError, match=r"'/\\udcff' has a name that is no UTF-8 text"):
        sqlite_uri(Path("/\udcff/mlflow.db"))


@pytest.mark.parametrize("uri", ["http://a:5000", "postgresql+psycopg://me@host/db", "sqlite://"])
def test_store_that_is_no_file_has_no_path(uri):
    assert database_path(uri) is None
    assert store_uri(uri) == uri


@pytest.mark.parametrize(
    ("storage", "tracking", "is_one"),
    [
        ("postgresql+psycopg://me@h/x", "postgresql://you@h/x", True),
        ("postgresql+psycopg://me@h/x", "postgresql+psycopg://me@h/y", False),
        ("postgresql+psycopg://me@h/x", "postgresql+psycopg://me@h:5433/x", False),
        ("postgresql+psycopg://me@h/x", "http://h/x", False),
        ("sqlite:///x.db", "sqlite:///./x.db", True),
        ("sqlite:///x.db", "sqlite:///y.db", False),
        ("nothing", "sqlite:///y.db", False),
    ],
)
def test_optuna_and_mlflow_are_refused_one_database(storage, tracking, is_one):
    refused = pytest.raises(UsageError, match=r"are one database, and .* need one each")
    with refused if is_one else contextlib.nullcontext():
        require_apart(storage, tracking)


@pytest.mark.parametrize("said", ["no password supplied", "error code 401", "connection refused"])
def test_remedy_reads_the_same_once_passwords_are_masked(said):
    assert masked(remedy(said, None)) == remedy(said, None)


@pytest.mark.parametrize(
    ("said", "helps"),
    [
        ("ModuleNotFoundError: No module named 'psycopg2'", "write postgresql+psycopg://"),
        ('FATAL:  permission denied for database "x"', "let this user make tables"),
        ("permission denied for schema public", "let this user make tables"),
        ('FATAL:  role "me" does not exist', "user and password"),
        ('FATAL:  database "x" does not exist', "make that database first"),
    ],
)
def test_what_postgresql_refuses_is_told_with_what_helps(said, helps):
    assert helps in remedy(said, None)
