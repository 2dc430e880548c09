"""A plugin's source changes between two starts of a study: its runs are made anew, the others stay."""

import os
from collections import Counter
from pathlib import Path

import pytest
from fault_lab import Lab

import bench
from bench.tracking.mlflow import Store

pytestmark = pytest.mark.faults

VAE = (Path(bench.__file__).parent / "models" / "vae_mlp.py").read_text()


def test_runs_of_a_plugin_are_made_anew_where_a_file_it_imports_changed(tmp_path, store_uri):
    lab = Lab(tmp_path, store_uri)
    lab.write_study(num_images=640, seeds=1)
    study = lab.folder / "studies" / "tiny.py"
    study.write_text(study.read_text().replace("vae_mlp", "mine"))
    helper = lab.folder / "scales.py"
    helper.write_text("SCALE = 1\n")
    future = "from __future__ import annotations\n"  # which stands first
    text = VAE.replace('"vae_mlp"', '"mine"').replace(future, f"{future}\nimport scales\n")
    (lab.folder / "toy.py").write_text(text)
    path = f"{lab.folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"

    def run():
        options = ("--study", "tiny", "--plugin", "toy.py", "--jobs", "1")
        code, said = lab.bench("run", *options, PYTHONPATH=path)
        assert code == 0, said
        return said

    run()
    helper.write_text("# said otherwise\nSCALE = 1\n")
    assert "2 of 2 runs are finished already" in run()
    helper.write_text("SCALE = 2\n")
    said = run()
    assert "vae seed=0, made until 20" in said
    assert "was trained with other plugin scales.py: trained anew" in said
    assert "1 of 2 runs are finished already" in said
    store = Store(store_uri)
    records = store.records(store.experiment("tiny-classroom-digits"))
    assert Counter((each.about.family, each.about.role) for each in records) == {
        ("vae", "superseded"): 1,
        ("vae", "run"): 1,
        ("gan", "run"): 1,
    }
    assert lab.doubled() == []
