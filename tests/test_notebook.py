"""The notebook of the documents: every cell runs, in an empty folder."""

from __future__ import annotations

from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[1] / "docs" / "notebook.ipynb"


@pytest.mark.slow
def test_cells_of_the_notebook_run(
    store_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import nbclient
    import nbformat

    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    shown = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3").execute(cwd=tmp_path)
    made = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    assert [kinds(outputs) for outputs in made] == [kinds(outputs) for outputs in shown]
    assert (tmp_path / "reports" / "notebook" / "README.md").exists()


def kinds(outputs: list[dict[str, object]]) -> list[object]:
    """What a cell shows, but for warnings."""
    return [each["output_type"] for each in outputs if each.get("name") != "stderr"]
