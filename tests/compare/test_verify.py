"""bench verify: makes a report again, and tells what is not the same with both values."""

import contextlib
import dataclasses
import json
import os
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from fault_lab import examples
from golden.golden import IDENTITY, results_of, stored_records
from golden.stored_study import stored, study_file
from hypothesis import given, settings, strategies as st

from bench import cli
from bench.cli.bundle import make_bundle
from bench.cli.report import make_report
from bench.compare.differences import table_differences, text_differences, without_section
from bench.compare.verify import _linked, verify_report
from bench.errors import UsageError
from bench.images import to_png
from bench.plots import PLOTS
from bench.report import writer
from bench.report.manifest import Manifest
from bench.report.writer import write_results
from bench.results.siblings import SIBLINGS
from bench.results.summary import RUN_PAGES
from bench.results.tracked import tracked_results
from bench.tracking.address import database_path
from bench.tracking.bundle import BUNDLE
from bench.tracking.mlflow import Store


@pytest.fixture(autouse=True)
def one_figure(monkeypatch):
    """Ten figures take seconds; one shows whether their numbers are compared."""
    monkeypatch.setattr(writer, "PLOTS", {"loss_curves": PLOTS.get("loss_curves")})


@pytest.fixture(scope="module")
def whole(tmp_path_factory, migrated_database):
    """A folder with a tracking store and the report of what it holds."""
    folder = tmp_path_factory.mktemp("whole")
    with contextlib.chdir(folder), pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "PLOTS", {"loss_curves": PLOTS.get("loss_curves")})
        with contextlib.closing(sqlite3.connect(migrated_database)) as source:
            source.execute("vacuum into 'mlflow.db'")
        study_file(folder)
        store = Store(f"sqlite:///{folder / 'mlflow.db'}")
        ids = stored(store, stored_records())
        make_report("small", tracking_uri=store.uri)
        (folder / "ids.json").write_text(json.dumps(ids))
    return folder


@pytest.fixture
def place(whole, tmp_path):
    """A copy, to be damaged."""
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def report(place):
    return place / "reports" / "small"


@pytest.fixture
def store(place):
    return Store(f"sqlite:///{place / 'mlflow.db'}")


@pytest.fixture
def bundle(report, store):
    """The runs as one file beside the report, and no store."""
    path = make_bundle("small", out=report / BUNDLE, tracking_uri=store.uri)
    database_path(store.uri).unlink()
    return path


def run_of(place, arm, depth, seed):
    """Id in the store of the run of that cell and seed."""
    ids = json.loads((place / "ids.json").read_text())
    wanted = (arm, str(depth), str(seed))
    return next(
        ids[r.run_id]
        for r in stored_records()
        if (r.tags["family"], r.params.get("model.depth"), r.tags["seed"]) == wanted
    )


def replaced(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8", newline="")


def test_report_that_nobody_touched_is_identical(report):
    verdict = verify_report(report)
    assert (list(verdict.differences), list(verdict.remarks)) == ([], [])
    assert verdict.runs == 14
    assert verdict.source.startswith("sqlite:///")
    assert verify_report(report / "README.md").equal


def test_number_edited_in_a_table_is_told_with_its_row_column_and_both_values(report):
    text = (report / "README.md").read_text(encoding="utf-8")
    row = next(
        line for line in text.splitlines() if line.startswith("| `pixel_gaussian` | baseline |")
    )
    value = row.split("|")[4].strip()
    replaced(report / "README.md", row, row.replace(value, "1.23 §", 1))
    verdict = verify_report(report)
    assert [(d.reported, d.recomputed) for d in verdict.differences] == [("1.23 §", value)]
    where = verdict.differences[0].where
    assert where.startswith("Families at their chosen cell, `pixel_gaussian` baseline, ")
    assert "fd_digits_n500" in where
    assert "README.md was edited after it was written" in verdict.remarks


def test_number_edited_in_a_sentence_is_told_with_the_words_around_it(report):
    replaced(report / "README.md", "After 8,000 real images", "After 9,000 real images")
    (difference,) = verify_report(report).differences
    assert "9,000" in difference.reported
    assert "8,000" in difference.recomputed
    assert len(difference.reported) < 100


def test_cell_edited_in_the_table_of_runs_is_told_to_the_last_digit(report, place):
    run_id = run_of(place, "gan", 1, 0)
    value = next(
        r.metrics["test/fd_digits_n500"]
        for r in stored_records()
        if (r.tags["family"], r.params.get("model.depth"), r.tags["seed"]) == ("gan", "1", "0")
    )
    last = repr(value)[:-1] + ("1" if repr(value)[-1] != "1" else "2")
    replaced(report / "runs.csv", repr(value), last)
    (difference,) = verify_report(report).differences
    assert difference.where == f"run {run_id}, test/fd_digits_n500"
    assert (difference.reported, difference.recomputed) == (last, repr(value))


def test_run_that_was_read_again_since_is_named(report, place, store):
    run_id = run_of(place, "gan", 1, 0)
    store._client.set_tag(run_id, "test_reads", "2")
    found = {d.where: (d.reported, d.recomputed) for d in verify_report(report).differences}
    assert found[f"run {run_id}, test_reads"] == ("1", "2")


def test_run_that_is_gone_is_named_and_the_others_are_compared(report, place, store):
    run_id = run_of(place, "vae", 2, 1)
    store._client.delete_run(run_id)
    verdict = verify_report(report)
    differences = verdict.differences
    assert str(differences[0]) == f"run {run_id}: 'used', now nothing"
    assert verdict.changed_runs == [run_id]
    assert [d.run for d in differences].count(run_id) == 1
    assert any(d.where.startswith("Families at their chosen cell, `vae`") for d in differences)


def test_report_of_runs_that_are_all_gone_names_them(report, store):
    store.discard_runs(store.experiment(IDENTITY.key))
    verdict = verify_report(report)
    assert [d.recomputed for d in verdict.differences] == [""] * 14


def test_runs_that_came_later_are_left_out_and_counted(report, store):
    more = next(r for r in stored_records() if r.tags["family"] == "gan")
    more.params["train.seed"] = more.tags["seed"] = "7"
    stored(store, [more])
    verdict = verify_report(report)
    assert verdict.equal
    assert list(verdict.remarks) == ["1 run came later and is left out"]


def test_point_of_a_curve_that_changed_is_told_by_its_figure(report, place, store):
    run_id = run_of(place, "gan", 1, 0)
    known = store.histories([run_id], "train/generator_loss")[run_id]
    store._client.log_metric(run_id, "train/generator_loss", 5.0, timestamp=1, step=known[1][0])
    wheres = [d.where for d in verify_report(report).differences]
    assert "numbers of figure loss_curves" in wheres


def test_other_pixels_are_a_remark_and_a_missing_figure_a_difference(report):
    figure = report / "figures" / "loss_curves.png"
    figure.write_bytes(b"other")
    verdict = verify_report(report)
    assert verdict.equal
    assert list(verdict.remarks) == ["1 of 1 figures have other pixels: loss_curves"]
    figure.unlink()
    assert [d.where for d in verify_report(report).differences] == ["figure loss_curves"]


def test_number_edited_in_the_page_is_told(report, place, monkeypatch):
    replaced(report / "report.html", "After 8,000 real images", "After 9,000 real images")
    assert [d.where for d in verify_report(report).differences] == ["report.html"]
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    (place / "mlflow.db").unlink()
    assert [d.where for d in verify_report(report).differences] == ["report.html"]


def test_report_of_another_version_is_compared_all_the_same(report):
    replaced(
        report / "report.json", f'"bench_version": "{writer_version()}"', '"bench_version": "0.0"'
    )
    replaced(report / "README.md", "After 8,000", "After 9,000")
    verdict = verify_report(report)
    assert any("made by bench 0.0, verified by" in remark for remark in verdict.remarks)
    assert len(verdict.differences) == 1


def writer_version():
    import bench

    return bench.__version__


def test_report_is_verified_by_the_bundle_beside_it_without_a_store(report, bundle):
    for path in (report, bundle):
        verdict = verify_report(path)
        assert (list(verdict.differences), list(verdict.remarks)) == ([], [])
        assert (verdict.source, verdict.runs, verdict.is_whole) == (str(bundle), 14, True)
    replaced(report / "README.md", "After 8,000", "After 9,000")
    figures = {"loss_curves": "0123456789abcdef"}
    manifest_with(report, figures=figures)
    found = [d.where for d in verify_report(report).differences]
    assert found == ["small on digits (classroom tier)", "numbers of figure loss_curves"]


def test_page_made_of_a_bundle_alone_is_that_of_the_store(report, bundle, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where no study of that name is
    shutil.move(bundle, tmp_path / "alone.zip")
    shutil.rmtree(tmp_path / "studies")
    said = []
    made = make_report(bundle=tmp_path / "alone.zip", out=tmp_path / "again", say=said.append)
    assert said[0] == "without the figures of runs' pictures, which the bundle leaves out"
    for name in ("README.md", "runs.csv", "report.json", "report.html", "figures/loss_curves.png"):
        assert (made.parent / name).read_bytes() == (report / name).read_bytes(), name


def test_figures_of_pictures_are_a_remark_where_the_bundle_has_none(report, store, monkeypatch):
    shown = {name: PLOTS.get(name) for name in ("loss_curves", "sample_grids")}
    monkeypatch.setattr(writer, "PLOTS", shown)
    png = to_png(np.zeros((10, 10), np.uint8))
    monkeypatch.setattr(Store, "artifact", lambda *_: png)
    monkeypatch.setattr(Store, "artifacts", lambda *_: ["samples.png"])
    make_report("small", out=report, tracking_uri=store.uri)
    assert "### Samples" in (report / "README.md").read_text(encoding="utf-8")
    make_bundle("small", out=report / BUNDLE, tracking_uri=store.uri)
    verdict = verify_report(report)
    assert verdict.equal
    assert list(verdict.remarks) == [
        "figures of runs' pictures, which the bundle leaves out, were not drawn again: sample_grids"
    ]
    make_bundle("small", out=report / BUNDLE, tracking_uri=store.uri, pictures=True)
    assert list(verify_report(report).remarks) == []


def test_bundle_of_another_study_beside_a_report_is_refused(report, bundle):
    said = json.loads((report / "report.json").read_text())["identity"]
    manifest_with(report, identity={**said, "tier": "lab"})
    with pytest.raises(UsageError, match=r"holds `--study small .*put the bundle of that study"):
        verify_report(report)


def test_bundle_beside_no_report_is_read_alone(bundle, tmp_path, monkeypatch, capsys):
    shutil.move(bundle, "alone.zip")
    code, out, _ = ended(monkeypatch, capsys, "verify", "alone.zip")
    assert code == 0
    assert out.startswith("note: no report lies beside it: `bench report alone.zip` makes one\n")
    assert "as it was written: alone.zip, 14 runs of small-classroom-digits, with " in out
    Path("alone.zip").write_bytes(Path("alone.zip").read_bytes()[:-1] + b"x")
    code, _, err = ended(monkeypatch, capsys, "verify", "alone.zip")
    assert code == 2
    assert err.startswith("bench: 'alone.zip' is not as it was written")


def test_report_without_a_store_is_made_again_from_its_own_table(report, place, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    (place / "mlflow.db").unlink()
    verdict = verify_report(report)
    assert verdict.equal
    assert (verdict.source, verdict.is_whole) == ("runs.csv", False)
    assert "curves, figures and pictures" in verdict.remarks[-1]
    assert not (place / "mlflow.db").exists()
    replaced(report / "README.md", "After 8,000", "After 9,000")
    assert [d.where for d in verify_report(report).differences] == [
        "small on digits (classroom tier)"
    ]


def test_value_edited_in_the_table_of_a_report_without_a_store_is_found(report, place, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    (place / "mlflow.db").unlink()
    value = next(r for r in stored_records() if r.tags["family"] == "pixel_gaussian").metrics[
        "test/fd_digits_n500"
    ]
    replaced(report / "runs.csv", repr(value), "99.5")
    found = verify_report(report).differences
    assert found[0].where == "digest of runs.csv"
    assert any("pixel_gaussian" in d.where and d.recomputed.startswith("99.5") for d in found)


def test_address_of_the_server_that_a_report_links_to_is_no_result(report, store):
    """A report made from a server and verified from its database has the server's links."""
    path = report / "report.json"
    said = json.loads(path.read_text(encoding="utf-8"))
    results = tracked_results(store, IDENTITY, store.experiment(IDENTITY.key))
    pages = {**said["facts"], RUN_PAGES: "http://example.org/#/experiments/1/runs/"}
    write_results(dataclasses.replace(results, facts=pages), report)
    assert "http://example.org" in (report / "README.md").read_text(encoding="utf-8")
    assert list(verify_report(report).differences) == []


def test_store_that_was_named_and_is_not_there_is_a_mistake(report, place):
    with pytest.raises(UsageError, match="is not there: give another --tracking-uri"):
        verify_report(report, "sqlite:///nowhere.db")
    assert not (place / "nowhere.db").exists()


def test_folder_without_a_report_is_told_with_the_remedy(tmp_path):
    with pytest.raises(
        UsageError, match=r"has no report\.json, .*write it again with `bench report`"
    ):
        verify_report(tmp_path)
    (tmp_path / "report.json").write_text("{}")
    with pytest.raises(UsageError, match=r"cannot be read \(ValidationError\)"):
        verify_report(tmp_path)


def test_file_that_is_missing_from_a_report_is_told(report):
    (report / "runs.csv").unlink()
    with pytest.raises(UsageError, match=r"runs\.csv' cannot be read \(FileNotFoundError\)"):
        verify_report(report)


def manifest_with(report, **values):
    path = report / "report.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.mark.parametrize("name", ["../ids.json", "/etc/hostname", "a/b", ".."])
@pytest.mark.parametrize("field", ["files", "figures"])
def test_report_that_names_files_elsewhere_is_refused(report, field, name):
    known = json.loads((report / "report.json").read_text())[field]
    manifest_with(report, **{field: {**known, name: "0"}})
    with pytest.raises(UsageError, match=r"names the file '.*', expected names within its folder"):
        verify_report(report)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"files": {}}, r"report\.json' names no README\.md"),
        ({"files": ["README.md", "runs.csv"]}, r"cannot be read \(ValidationError\)"),
        ({"identity": {"study": 3}}, r"cannot be read \(ValidationError\)"),
        ({"seeds": "many"}, r"cannot be read \(ValidationError\)"),
        (
            {"identity": {"study": "../x", "tier": "classroom", "dataset": "digits"}},
            r"unknown study '\.\./x'",
        ),
    ],
)
def test_manifest_that_says_something_else_is_told(report, values, message):
    manifest_with(report, **values)
    with pytest.raises(UsageError, match=message):
        verify_report(report)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "run_id",
            "id",
            r"no table of runs \(ValueError: no column run_id\): write the report again",
        ),
        ("\n", ",more\n", r"row 1 has another number of cells than the header"),
        ("\n", '\n"never closed', "is no table of runs"),
    ],
)
def test_table_that_is_none_is_told(report, old, new, message):
    replaced(report / "runs.csv", old, new)
    with pytest.raises(UsageError, match=message):
        verify_report(report)


@pytest.mark.parametrize("name", ["report.json", "runs.csv"])
def test_pipe_in_place_of_a_file_is_not_waited_for(report, name):
    (report / name).unlink()
    os.mkfifo(report / name)
    with pytest.raises(UsageError, match=f"{name}' cannot be read"):
        verify_report(report)


@settings(max_examples=examples(200))
@given(data=st.data())
def test_damaged_report_without_a_store_is_compared_or_told(report, place, data):
    """A cell, a line or a few bytes are others."""
    (place / "mlflow.db").unlink(missing_ok=True)
    name = data.draw(st.sampled_from(["runs.csv", "runs.csv", "report.json", "README.md"]))
    whole = (report / name).read_bytes()
    if data.draw(st.booleans()):
        cells = whole.split(b",")
        at = data.draw(st.integers(0, len(cells) - 1))
        cells[at] = data.draw(
            st.sampled_from([b"", b"nan", b"inf", b"-1", b"1e400", b"{", b"abc", b"ok", b"\0"])
        )
        damaged = b",".join(cells)
    else:
        at = data.draw(st.integers(0, len(whole) - 1))
        damaged = whole[:at] + data.draw(st.binary(max_size=4)) + whole[at + 2 :]
    (report / name).write_bytes(damaged)
    try:
        verify_report(report)
    except UsageError as error:
        told = str(error)
    else:
        told = ""
    finally:
        (report / name).write_bytes(whole)
    assert "\n" not in told


def ended(monkeypatch, capsys, *words):
    monkeypatch.setattr("sys.argv", ["bench", *words])
    monkeypatch.setattr(cli.signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit) as end:
        cli.main()
    return end.value.code, *capsys.readouterr()


def test_exit_code_says_what_was_found(report, monkeypatch, capsys):
    code, out, _ = ended(monkeypatch, capsys, "verify", str(report))
    assert code == 0
    assert out.startswith("identical: ")
    replaced(report / "README.md", "After 8,000", "After 9,000")
    code, out, _ = ended(monkeypatch, capsys, "verify", str(report), "--json")
    assert code == 1
    told = json.loads(out)
    assert (told["equal"], len(told["differences"]), told["runs"]) == (False, 1, 14)
    code, out, err = ended(monkeypatch, capsys, "verify", "nowhere")
    assert (code, out) == (2, "")
    assert "'nowhere' is no report: give its folder" in err
    code, out, err = ended(monkeypatch, capsys, "verify", ".")
    assert (code, out) == (2, "")
    assert "has no report.json" in err


def test_what_could_not_be_made_again_is_not_called_identical(report, place, monkeypatch, capsys):
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    (place / "mlflow.db").unlink()
    code, out, _ = ended(monkeypatch, capsys, "verify", str(report))
    assert code == 0
    note, verdict = out.splitlines()
    assert note.startswith("note: the store has no runs of this study")
    assert verdict == f"tables and sentences are identical: {report} against 14 runs of runs.csv"


def test_differences_beyond_the_twentieth_are_counted(report, monkeypatch, capsys):
    text = (report / "runs.csv").read_text(encoding="utf-8")
    (report / "runs.csv").write_text(text.replace(",ok,", ",fine,"), encoding="utf-8", newline="")
    text = (report / "README.md").read_text(encoding="utf-8")
    (report / "README.md").write_text(text.replace("| `", "| `x"), encoding="utf-8", newline="")
    code, out, _ = ended(monkeypatch, capsys, "verify", str(report))
    assert code == 1
    lines = [line for line in out.splitlines() if not line.startswith("note: ")]
    assert len(lines) == 23
    number = int(lines[-1].split()[0])
    assert lines[20] == f"and {number - 20} more: --json has all of them"
    assert lines[21].startswith("runs that are not as the report has them: ")
    assert lines[21].endswith(" and 6 more")  # eleven ended well


TEXT = "# a\n\nOne two three.\n\n## b\n\n| row | x | y |\n| --- | --- | --- |\n| r | 1 | 2 |\n| s | 3 | 4 |\n"


def test_line_that_was_put_in_is_one_difference():
    longer = TEXT.replace("## b", "A new line.\n\n## b")
    assert [str(d) for d in text_differences(TEXT, longer)] == ["a: nothing, now 'A new line.'"]
    assert [str(d) for d in text_differences(longer, TEXT)] == ["a: 'A new line.', now nothing"]


def test_cell_is_told_with_the_head_of_its_column():
    (found,) = text_differences(TEXT, TEXT.replace("| 3 |", "| 9 |"))
    assert (found.where, found.reported, found.recomputed) == ("b, s, x", "3", "9")


def test_tables_of_runs_are_compared_by_run_and_not_by_place():
    old = "run_id,a,b\nr1,1,2\nr2,3,4\n"
    assert table_differences(old, "run_id,b,a\nr2,4,3\nr1,2,1\n") == []
    found = table_differences(old, "run_id,a,c\nr1,1.0,\nr3,3,\n")
    assert [str(d) for d in found] == [
        "run r1, a: '1', now '1.0'",
        "run r1, b: '2', now nothing",
        "run r2: 'a row', now nothing",
        "run r3: nothing, now 'a row'",
    ]


def test_section_is_left_out_up_to_the_next_heading_of_its_level():
    text = "# t\n\n## a\n\nx\n\n### in a\n\ny\n\n## b\n\nz\n"
    assert without_section(text, "## a") == "# t\n\n## b\n\nz\n"
    assert without_section(text, "### in a") == "# t\n\n## a\n\nx\n\n## b\n\nz\n"


def test_what_other_studies_held_when_the_report_was_written_is_read_of_it(place):
    manifest = Manifest.read(place / "reports" / "small")
    then = dataclasses.replace(manifest, facts={**manifest.facts, SIBLINGS: "then"})
    now = dataclasses.replace(results_of(stored_records()), facts={SIBLINGS: "now"})
    assert _linked(now, then).facts[SIBLINGS] == "then"
