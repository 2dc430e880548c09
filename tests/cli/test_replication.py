"""``bench replication`` reads stores and bundles, and writes one page."""

import pytest
from golden.golden import IDENTITY, STUDY, stored_records
from tracking.test_bundle import Kept

from bench.cli.replication import make_replication
from bench.errors import UsageError
from bench.plan.study import Study
from bench.tracking.bundle import write_bundle
from bench.tracking.mlflow import Store


def test_a_store_without_such_runs_says_what_to_run(tmp_path):
    uri = f"sqlite:///{tmp_path}/empty.db"
    Store(uri)
    with pytest.raises(UsageError, match="bench run iwae"):
        make_replication(tracking_uri=uri, out=tmp_path / "page")
    assert not (tmp_path / "page").exists()


def test_a_bundle_is_read_by_the_plan_that_it_holds(tmp_path, monkeypatch):
    number = {
        "source": "Somebody 2020",
        "dataset": "digits",
        "arm": STUDY.arms[0].name,
        "measure": "distance",
        "value": 1.0,
        "within": 1.0,
        "protocol": "by hand",
    }
    plan = Study(**{**STUDY.model_dump(), "published": (number,)})
    kept = Kept(stored_records())
    monkeypatch.setattr(kept, "plan", lambda _: plan)
    write_bundle(tmp_path / "a.zip", kept, IDENTITY, IDENTITY.key, pictures=False)
    path = make_replication([tmp_path / "a.zip"], out=tmp_path / "page")
    text = path.read_text()
    assert f"- Somebody 2020, of `{STUDY.arms[0].name}`: by hand." in text
    assert text.endswith(f"Written by `bench replication {(tmp_path / 'a.zip').as_posix()}`.\n")
