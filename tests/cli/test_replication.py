"""``bench replication`` reads stores and bundles, and writes one page."""

import pytest

from bench.cli.replication import make_replication
from bench.errors import UsageError
from bench.tracking.mlflow import Store


def test_a_store_without_such_runs_says_what_to_run(tmp_path):
    uri = f"sqlite:///{tmp_path}/empty.db"
    Store(uri)
    with pytest.raises(UsageError, match="bench run --study iwae"):
        make_replication(tracking_uri=uri, out=tmp_path / "page")
    assert not (tmp_path / "page").exists()
