"""A model in one file outside the package goes through every command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.registry import load_plugins
from bench.testing import MODEL_PROMISES

TOY = Path(__file__).parent / "toy_model.py"

STUDY = '''
"""Is the toy better than the pixels' Gaussian?"""
from bench.plan.study import Arm, Study, Tier

STUDY = Study(
    name="toys",
    question="Does the toy beat a VAE?",
    arms=(Arm(name="toy", model="toy"), Arm(name="vae", model="vae_mlp")),
    factors={"model.lr": (1e-3, 1e-2)},
    baselines=("pixel_gaussian",),
    tiers={"classroom": Tier(dataset="digits", settings={"train.num_images": 640})},
)
'''


def bench(*arguments: str, folder: Path) -> str:
    """Standard output of a command line in a process of its own, which must succeed."""
    command = [sys.executable, "-m", "bench.cli", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def promising(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The toy under another name, which no other test of this process has registered."""
    path = tmp_path_factory.mktemp("plugin") / "promising.py"
    path.write_text(TOY.read_text().replace('@model("toy"', '@model("promising"'))
    load_plugins([path])
    return "promising"


@pytest.mark.parametrize("promise", MODEL_PROMISES)
def test_toy_model_keeps_the_promises_of_a_model(promising: str, promise: str) -> None:
    MODEL_PROMISES[promise](promising)


@pytest.mark.slow
def test_toy_model_of_a_plugin_is_listed_shown_trained_studied_and_reported(
    store_uri: str, tmp_path: Path
) -> None:
    plugin = ("--plugin", str(TOY))
    listed = bench("list", "models", "--json", *plugin, folder=tmp_path)
    assert json.loads(listed)["toy"] == "One number per image, and images that are linear in it."
    assert "parameters on digits: 128" in bench("show", "toy", *plugin, folder=tmp_path)

    small = ("--set", "num_images=640", "--json")
    trained = json.loads(bench("train", "toy", *small, *plugin, folder=tmp_path))
    assert trained["status"] in {"ok", "collapsed"}
    assert trained["metrics"]["test/fd_digits_n500"] > 0

    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "toys.py").write_text(STUDY)
    study = ("--study", "toys")
    bench("run", *study, "--seeds", "3", "--jobs", "1", *plugin, folder=tmp_path)
    bench("report", *study, folder=tmp_path)
    report = (tmp_path / "reports" / "toys" / "README.md").read_text()
    assert "| `toy` |" in report
    assert "Does the toy beat a VAE?" in report


PACKAGE = {
    "shop/toys.py": TOY.read_text(),
    "shop-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: shop\nVersion: 1.0\n",
    "shop-1.0.dist-info/entry_points.txt": "[bench.model]\ntoy = shop.toys\n",
}


def test_model_of_an_installed_package_is_found_by_its_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in PACKAGE.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    here = str(Path(__file__).parents[1])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), here]))
    assert "toy" in json.loads(bench("list", "models", "--json", folder=tmp_path))
