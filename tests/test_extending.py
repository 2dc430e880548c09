"""The page on adding things: the file that it shows is a model, and ends as a row of a report."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from test_plugin import bench

from bench.registry import load_plugins
from bench.testing import MODEL_PROMISES

PAGE = Path(__file__).parents[1] / "docs" / "extending.md"
MODEL, STUDY = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "wae.py"
    path.write_text(MODEL)
    load_plugins([path])
    return path


@pytest.mark.parametrize("promise", MODEL_PROMISES)
@pytest.mark.usefixtures("plugin")
def test_model_of_the_page_keeps_its_promises(promise: str) -> None:
    MODEL_PROMISES[promise]("wae")


@pytest.mark.slow
def test_study_of_the_page_has_a_row_for_the_model(
    plugin: Path, tmp_path: Path, store_uri: str
) -> None:
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "wae_or_vae.py").write_text(STUDY)
    small = ("wae_or_vae", "--set", "num_images=640", "--seeds", "1")
    bench("run", *small, "--plugin", str(plugin), "--jobs", "1", folder=tmp_path)
    bench("report", *small[:3], folder=tmp_path)
    report = (tmp_path / "reports" / "wae_or_vae" / "README.md").read_text(encoding="utf-8")
    assert "| `wae` |" in report
    assert "Does a kernel penalty make better samples than a KL?" in report
