"""What a plugin's source says, and what of it does not count."""

from bench.sources import sources_of


def written(folder, **files):
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return sources_of(folder / "toy.py")


def test_what_is_imported_from_the_folder_counts_from_file_to_file(tmp_path):
    found = written(
        tmp_path,
        toy="import numpy\nimport helper\nfrom parts import loss\n",
        helper="from deep import VALUE\n",
        deep="VALUE = 1\n",
        parts__loss="from . import more\n",
        parts__more="",
        unused="",
    )
    assert set(found) == {"toy.py", "helper.py", "deep.py", "parts/loss.py", "parts/more.py"}


def test_only_what_runs_counts(tmp_path):
    first = written(tmp_path, toy="A = 1  # one\nB = '#2'\n")
    assert written(tmp_path, toy="# said\n\nA = 1\nB = '#2'\n\n") == first
    assert written(tmp_path, toy="A = 1\nB = '#3'\n") != first
    assert written(tmp_path, toy="if 1:\n    A = 1\nB = '#2'\n") != first


def test_a_file_that_is_no_python_is_all_that_counts(tmp_path):
    assert set(written(tmp_path, toy="import helper\n(", helper="")) == {"toy.py"}


def test_files_that_import_each_other_or_lie_above_end(tmp_path):
    (tmp_path / "above.py").write_text("")
    home = tmp_path / "home"
    home.mkdir()
    found = written(home, toy="import other\nfrom .. import above\n", other="import toy\n")
    assert set(found) == {"toy.py", "other.py"}
