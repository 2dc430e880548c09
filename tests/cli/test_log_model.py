"""``bench log-model``: what MLflow loads makes the samples of ``bench sample``."""

import dataclasses
import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from cli.test_sample import Tracked
from synthetic_study import run_record

from bench.cli.log_model import _best, log_best_model
from bench.cli.sample import sample_run
from bench.datasets import spec_of
from bench.errors import UsageError
from bench.models import MODELS, configure
from bench.registry import PLUGINS, load_plugins
from bench.tracking.mlflow import Store
from bench.training.exported import REQUIREMENTS, ExportedModel, requirements, write_exported

# In a process without this package on its path: the model brings its own.
LOAD = """
import json, sys
import mlflow, numpy as np, pandas as pd
mlflow.set_tracking_uri(sys.argv[1])
loaded = mlflow.pyfunc.load_model(sys.argv[2])
images = loaded.predict(pd.DataFrame({"n": [6], "seed": [3]}))
np.save(sys.argv[3], images)
print(json.dumps({
    "inputs": [(one.name, str(one.type)) for one in loaded.metadata.get_input_schema().inputs],
    "output": loaded.metadata.get_output_schema().inputs[0].to_dict()["tensor-spec"],
    "from": sys.modules["bench"].__file__,
}))
"""


@pytest.fixture(scope="module")
def tracked(tmp_path_factory, migrated_database):
    return Tracked(tmp_path_factory.mktemp("log_model"), migrated_database)


TOY = Path(__file__).parents[1] / "toy_model.py"


@pytest.fixture(scope="module")
def plugins(tmp_path_factory):
    """A model of a file that imports another beside it, and one of an installed package."""
    folder = tmp_path_factory.mktemp("plugins")
    package = folder / "shop_of_models"
    package.mkdir()
    (folder / "beside_the_file.py").write_text("import packaging\n\nNAME = 'of_a_file'\n")
    first = "import beside_the_file\n"
    file = folder / "models_of_mine.py"
    file.write_text(importing(first, TOY.read_text().replace('"toy",', "beside_the_file.NAME,")))
    text = TOY.read_text().replace('"toy",', "NAME,")
    (package / "template.py").write_text("import {name}\n")  # which nobody imports
    (package / "names.py").write_text("NAME = 'of_a_package'\n")
    (package / "toys.py").write_text(importing("from shop_of_models.names import NAME\n", text))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        load_plugins([file])
        importlib.import_module("shop_of_models.toys")  # as its entry point does
    return ["of_a_file", "of_a_package"]


def importing(line, text):
    return text.replace("import torch\n", f"{line}import torch\n", 1)


@pytest.fixture(scope="module")
def runs(tracked, plugins):
    own = [tracked.train(model, "width=4", "depth=1") for model in ("vae", "cgan")]
    return own + [tracked.train(model) for model in plugins]


def place(tracked):
    return {"tracking_uri": tracked.uri, "root": tracked.root}


@pytest.mark.slow
@pytest.mark.parametrize("number", range(4))
def test_model_that_mlflow_loads_makes_the_samples_of_the_run(tracked, runs, number, tmp_path):
    run_id = runs[number]
    said = log_best_model([run_id[:12]], register_as="digits", **place(tracked))
    assert said["address"] == "models:/digits@best"
    out = tmp_path / "loaded.npy"
    done = subprocess.run(
        [sys.executable, "-c", LOAD, tracked.uri, said["address"], str(out)],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PATH": "/usr/bin", "OMP_NUM_THREADS": "1", "PYTHONSAFEPATH": "1"},
    )
    assert done.returncode == 0, done.stderr
    loaded = json.loads(done.stdout.splitlines()[-1])
    sample_run(run_id, count=6, seed=3, out=tmp_path / "ours.npz", device="cpu", **place(tracked))
    np.testing.assert_array_equal(np.load(out), np.load(tmp_path / "ours.npz")["x"])
    assert loaded["inputs"] == [["n", "DataType.long"], ["seed", "DataType.long"]]
    assert loaded["output"] == {"dtype": "uint8", "shape": [-1, 1, 8, 8]}
    assert Path(loaded["from"]).parent.parent.name == "code"


@pytest.mark.slow
def test_logged_model_belongs_to_its_run_and_has_no_pickle(tracked, runs):
    said = log_best_model([runs[0]], **place(tracked))
    client = Store(tracked.uri).client
    model = client.get_logged_model(said["model_id"])
    assert (model.source_run_id, str(model.status)) == (runs[0], "READY")
    assert model.tags["family"] == "vae"
    files = {
        path.name: path
        for path in Path(model.artifact_location.removeprefix("file://")).rglob("*")
        if path.is_file() and "code" not in path.parts
    }
    assert {"weights.safetensors", "settings.json", "MLmodel", "requirements.txt"} <= files.keys()
    assert not [name for name in files if name.endswith((".pkl", ".pt", ".pth", ".bin"))]
    needed = files["requirements.txt"].read_text().split()
    assert all("==" in one for one in needed)
    assert {one.partition("==")[0] for one in needed} >= {"torch", "numpy", "safetensors"}


def exported(model, folder):
    config = configure(model)
    spec = spec_of("digits")
    trainable = MODELS.get(model).build(config.model, spec)
    write_exported(folder, config, spec, trainable)
    return trainable


def test_model_of_a_plugin_takes_its_code_along_and_what_that_imports_is_required(
    plugins, tmp_path, monkeypatch
):
    others = [module for module, files in PLUGINS.items() if "models_of_mine.py" not in files]
    for module in others:
        # What other tests have loaded and what registers nothing would be in every model.
        monkeypatch.delitem(PLUGINS, module)
    names = []
    for model in plugins:
        trainable = exported(model, tmp_path / model)
        code = (tmp_path / model / "plugins").rglob("*.py")
        names.append({path.relative_to(tmp_path / model / "plugins").as_posix() for path in code})
        loaded = ExportedModel(tmp_path / model)  # in the process that has the plugin already
        for name, module in trainable.modules.items():
            torch.testing.assert_close(
                loaded.trainable.modules[name].state_dict(), module.state_dict(), rtol=0, atol=0
            )
    assert names == [
        {"0/models_of_mine.py", "0/beside_the_file.py"},
        {f"packages/shop_of_models/{name}.py" for name in ("toys", "names", "template")},
    ]
    assert set(requirements(tmp_path / plugins[0])) - set(REQUIREMENTS) == {"packaging"}
    assert set(requirements(tmp_path / plugins[1])) == set(REQUIREMENTS)


def test_model_that_is_registered_by_no_file_is_one_sentence(tmp_path, monkeypatch):
    load_plugins([named_toy(tmp_path, "typed_in")])
    monkeypatch.delattr(sys.modules[MODELS.get("typed_in").build.__module__], "__file__")
    with pytest.raises(UsageError, match=r"'typed_in' is registered by '.*', which is no file"):
        exported("typed_in", tmp_path / "model")


def named_toy(folder, name):
    path = folder / f"{name}.py"
    path.write_text(TOY.read_text().replace('"toy",', f'"{name}",'))
    return path


def test_a_run_that_is_unknown_or_nothing_is_one_sentence(store_uri):
    Store(store_uri).experiment("train")
    with pytest.raises(UsageError, match=r"takes ids of runs, or --study: give one of them"):
        log_best_model()
    with pytest.raises(UsageError, match="no run '0123' in"):
        log_best_model(["0123"])


def test_best_is_by_validation_and_no_collapsed_run_while_another_ended_well():
    ok = [run_record("vae", depth, 0) for depth in (2, 5)]
    worse, lower = run_record("gan", 4, 0), run_record("gan", 3, 0)
    collapsed = dataclasses.replace(lower, tags={**lower.tags, "status": "collapsed"})
    assert _best([*ok, worse, collapsed]) == min(
        [*ok, worse], key=lambda one: one.metrics["val/fd_digits_n297"]
    )
    assert _best([collapsed]) == collapsed
    failed = dataclasses.replace(worse, tags={**worse.tags, "status": "failed"})
    with pytest.raises(UsageError, match="none of 1 runs ended with a distance"):
        _best([failed])
    other = dataclasses.replace(
        worse, tags={**worse.tags, "primary": "val/elbo"}, metrics={"val/elbo": 1.0}
    )
    with pytest.raises(
        UsageError, match="measured by val/elbo and val/fd_digits_n297, expected one"
    ):
        _best([*ok, other])
