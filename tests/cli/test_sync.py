"""A store that goes away during a study and does not return: nothing is lost, and one command sends it."""

import json

import pytest

from bench.cli.run import run_study
from bench.cli.sync import sync
from bench.errors import Undelivered, UsageError
from bench.study.ownership import OWNER
from bench.tracking import patience
from bench.tracking.entries import is_told, journals
from bench.tracking.mlflow import Store
from bench.tracking.run_logger import RunLogger

STUDY = '''"""One short run and a baseline."""
from bench.plan import Arm, Study, Tier

FEW = {"train.num_images": 320, "eval.likelihood_images": 10, "eval.max_samples": 100}
STUDY = Study(
    name="short",
    question="Is anything lost?",
    arms=(Arm(name="vae", model="vae_mlp", settings={"model.hidden": "16"}),),
    baselines=("uniform_noise",),
    tiers={"classroom": Tier(dataset="digits", seeds=1, settings=FEW)},
)
'''


def test_study_whose_store_never_returns_is_kept_and_sent_by_one_command(
    tmp_path, store_uri, monkeypatch, capsys
):
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "short.py").write_text(STUDY)

    def gone(*_, **__):
        raise ConnectionError("connection refused")

    with monkeypatch.context() as away:
        away.setattr(RunLogger, "send", gone)
        away.setattr(patience, "PATIENCE_SECONDS", 0.0)
        away.setattr(patience, "PAUSE_SECONDS", 0.0)
        with pytest.raises(Undelivered, match="what 2 runs told is kept in 'runs'"):
            run_study(study="short")
        with pytest.raises(Undelivered, match=r"does not answer \(connection refused\)"):
            sync()
    assert capsys.readouterr().err.count("the store does not answer") == 1
    assert not any(map(is_told, journals(tmp_path / "runs")))
    told = sync()["told"]
    assert len(told) == 2
    experiment = "short-classroom-digits"
    records = Store(store_uri).records_of(experiment)
    assert {record.run_id for record in records} == set(told.values())
    assert all(record.finished and record.about.status for record in records)
    assert all(record.metrics["cost/images_seen"] >= 0 for record in records)
    assert run_study(study="short")["failed"] == 0
    assert Store(store_uri).records_of(experiment) == records

    another = {"id": "1", "user": "ann", "host": "far", "folder": "/home/ann/runs/short"}
    store = Store(store_uri)
    store.describe_experiment(store.experiment(experiment), {OWNER: json.dumps(another)})
    with pytest.raises(UsageError, match="belong to ann on far, in '/home/ann/runs/short'"):
        sync()
    assert store.records_of(experiment) == records
