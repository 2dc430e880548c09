"""Runs the study of this folder and keeps its records: python tests/golden/make_records.py

Run it only where records must hold something that these do not; it trains for a minute. Three of
its runs come to nothing, through the code that any other run takes: one raises, one has a weight
that is not a number, one is interrupted.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import tempfile
from pathlib import Path

import torch

from bench.cli.run import run_study
from bench.tracking.mlflow import Store
from bench.training import run as runner

HERE = Path(__file__).parent
RECORDS = HERE / "records.json"

FAILS, DIVERGES, STOPS = ("vae", 1, 2), ("vae", 1, 1), ("gan", 2, 2)
"""Model, depth and seed."""


def sabotage() -> None:
    """Has three runs end as the study needs them, one seed by one."""
    build = runner.build

    def built(config, reference):
        where = (config.name, getattr(config.model, "depth", 0), config.train.seed)
        if where == FAILS:
            raise RuntimeError("made to fail")
        if where == STOPS:
            raise KeyboardInterrupt
        trainable = build(config, reference)
        if where == DIVERGES:
            weights = [p for m in trainable.modules.values() for p in m.parameters()]
            with torch.no_grad():
                weights[0].fill_(float("nan"))
        return trainable

    runner.build = built


def plain(record) -> dict:
    """JSON values, without what belongs to this machine."""
    kept = {tag: value for tag, value in record.tags.items() if tag not in {"command", "folder"}}
    kept |= {"git_commit": "0123456789ab"} if "git_commit" in kept else {}
    return {**vars(record), "tags": kept}


def with_curves(store, record):
    """A record that holds the curves of training and validation itself."""
    names = [name for name in sorted(record.metrics) if name.startswith(("train/", "val/"))]
    found = {name: store.histories([record.run_id], name) for name in names}
    return dataclasses.replace(
        record, histories={name: curves[record.run_id] for name, curves in found.items()}
    )


def main() -> None:
    sabotage()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("studies").mkdir()
        shutil.copy(HERE / "small.py", "studies")
        store = Store(f"sqlite:///{folder}/mlflow.db")
        try:
            run_study(study="small", jobs="1", tracking_uri=store.uri, say=print)
        except KeyboardInterrupt:
            print("stopped, as planned")
        experiment_id = store.experiment("small-classroom-digits")
        found = [with_curves(store, record) for record in store.records(experiment_id)]
    lines = [json.dumps(plain(r), sort_keys=True) for r in sorted(found, key=lambda r: r.run_id)]
    RECORDS.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")
    print(f"{len(lines)} records, {RECORDS.stat().st_size:,} bytes in {RECORDS}")


if __name__ == "__main__":
    main()
