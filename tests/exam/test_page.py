"""The page of an exam, its record, and the command from end to end."""

import csv
import json
import re
import sys
from dataclasses import replace

import numpy as np
import pytest
from synthetic_study import IDENTITY, STUDY, study_records

from bench import failed_checks
from bench.cli import exam as command, main
from bench.cli.exam import write_exam
from bench.cli.list import list_kind
from bench.compare.verify import _linked
from bench.errors import UsageError
from bench.exam.figures import drawn
from bench.exam.gaussians import rounding
from bench.exam.modes import invention
from bench.exam.numbers import Answer, Level
from bench.exam.page import NUMBERS, VERDICTS, page_text, read_numbers, record
from bench.failed_checks import Sat, read_record, write_record
from bench.report.sections.cells import every_measure
from bench.report.writer import Composed, manifest
from bench.results.exams import EXAMS, exams, with_exams
from bench.results.results import read_results

SAT = Sat(
    subject="digits",
    detector="digits",
    checks={"fd": 3, "kd": 3},
    failed={"fd": ["noise", "outlier"], "kd": []},
)


def few(n):
    """Two of the checks on points: one with two settings, one in the plane."""
    return (rounding(n), invention(n))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A page of two checks at 30 points, made by the command."""
    out, said = tmp_path_factory.mktemp("exam") / "page", []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "point_checks", few)
        summary = write_exam("gaussian", n=30, repetitions=2, out=out, say=said.append)
    assert summary["page"] == str(out / "README.md")
    assert said[0] == "discrete or continuous (1 of 2)"
    return out


@pytest.fixture
def on_record(tmp_path, monkeypatch):
    """A record of its own."""
    path = tmp_path / "failed_checks.json"
    monkeypatch.setattr(failed_checks, "RECORD", path)
    for function in (read_record, write_record):
        monkeypatch.setattr(function, "__defaults__", (path,))
    monkeypatch.setattr(command, "RECORD", path)
    return path


def test_page_shows_every_check_with_its_figure_and_its_command(written):
    text = (written / "README.md").read_text(encoding="utf-8")
    for part in (
        "# Sanity checks that the measures pass and fail on points of known distributions",
        "## Discrete or continuous",
        "## Mode dropping and invention",
        "bench exam gaussian -n 30 --repetitions 2\n",
        "| `precision`, `recall` |",
        "The most that a pair of the paper passes: 16 purposes (P-Prec and P-Rec) and 31 rows "
        "(Density and Coverage).",
        "| Density, Coverage (paper) | 8 + 5 | 13 | 18 + 13 | 31 |",
        "of fidelity: falls from the first level to the last; of diversity: rises",
    ):
        assert part in text
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert [link for link in links if not (written / link).is_file()] == []
    assert {f"figures/{path.name}" for path in (written / "figures").iterdir()} <= set(links)
    assert min(map(len, re.findall(r"!\[([^]]*)\]", text))) > 40
    assert not re.search(r"\b(nan|NaN|inf|None)\b", text)


def test_purposes_and_rows_are_defined_before_they_are_counted(written):
    text = (written / "README.md").read_text(encoding="utf-8")
    defined = text.index(
        "A row is one thing that a check asks of a measure; a purpose is the row that"
    )
    assert defined < text.index("- `fd` passes ")


def test_table_of_verdicts_says_what_the_record_says(written):
    exam = read_numbers(written)
    rows = list(csv.DictReader((written / VERDICTS).open(encoding="utf-8")))
    failed = {row["check"] for row in rows if row["measure"] == "fd" and row["passes"] == "no"}
    sat = record(few(30), exam)
    assert set(sat.failed["fd"]) == failed
    assert "discrete or continuous" in failed  # a distance has no upper bound
    assert sat.checks["fd"] == 2
    # It fits the plane alone.
    assert sat.checks["sw"] == 1
    assert all(bool(row["failures"]) == (row["passes"] == "no") for row in rows)


def test_score_of_next_to_nothing_is_0_in_words(written):
    levels = tuple(Level(float(x), 10.0 ** (-8 * x), 0.0) for x in range(1, 11))
    answers = (Answer("mode dropping and invention", "2 dimensions", "pqm_p", levels),)
    _, alt = drawn(few(30)[1], replace(read_numbers(written), answers=answers))
    assert alt.endswith(": 2 dimensions 0.000000010 to 0.")


def test_page_follows_from_the_stored_numbers(written):
    exam = read_numbers(written)
    shown = dict.fromkeys([check.name for check in few(30)], "")
    told = page_text(few(30), exam, shown)
    assert "No measure passes every check with n = 30." in told
    # Whatever passes everything is said first.
    levels = tuple(Level(float(x), 1 - 0.1 * max(0, 5 - x), 0.0) for x in range(1, 11))
    passing = Answer("mode dropping and invention", "2 dimensions", "coverage", levels)
    clean = page_text(few(30), replace(exam, answers=(passing,)), shown)
    assert "**`coverage` passes every check with n = 30.**" in clean


@pytest.fixture
def undrawn(monkeypatch):
    """Figures take half a second each."""
    monkeypatch.setattr(
        "bench.exam.page.exam_figures",
        lambda checks, *_: dict.fromkeys([c.name for c in checks], ""),
    )


def test_second_call_measures_nothing_and_writes_the_same_bytes(written, monkeypatch):
    monkeypatch.setattr(command, "point_checks", few)
    monkeypatch.setattr(command, "sit", None)
    before, said = {p: p.read_bytes() for p in written.rglob("*.*")}, []
    write_exam("gaussian", n=30, repetitions=2, out=written, say=said.append)
    assert "not again" in said[0]
    assert {p: p.read_bytes() for p in written.rglob("*.*")} == before


def test_measure_that_did_not_sit_before_sits_alone(written, tmp_path, monkeypatch, undrawn):
    monkeypatch.setattr(command, "point_checks", few)
    whole = json.loads((written / NUMBERS).read_text(encoding="utf-8"))
    answers = [each for each in whole["answers"] if each["measure"] != "fld"]
    facts = whole["facts"] | {"git commit": "abc"}
    older = {k: v for k, v in whole.items() if k != "asked"} | {"answers": answers, "facts": facts}
    (tmp_path / NUMBERS).write_text(json.dumps(older))
    for heard in ("measured before but for fld, js_bound, pqm_p: these alone sit", "not again"):
        said = []
        write_exam("gaussian", n=30, repetitions=2, out=tmp_path, say=said.append)
        # At 30 points two of them have no value, and still need not sit again.
        assert heard in said[0]
        exam = read_numbers(tmp_path)
        assert set(exam.answers) == set(read_numbers(written).answers)
        assert len(exam.answers) == len(set(exam.answers))
        now = whole["facts"]["git commit"]
        assert exam.facts["git commit"] == f"abc; {now} for fld, js_bound, pqm_p"


def test_damaged_numbers_are_said_and_measured_again(tmp_path, monkeypatch, undrawn):
    monkeypatch.setattr(command, "point_checks", lambda n: few(n)[1:])
    (tmp_path / NUMBERS).write_text("{")
    said = []
    write_exam("gaussian", n=20, repetitions=2, out=tmp_path, say=said.append)
    assert said[0] == f"note: '{tmp_path / NUMBERS}' cannot be read: all of it is measured again"


def test_command_line_examines_a_data_set_in_its_detectors_features(
    on_record, monkeypatch, undrawn, tmp_path, capsys
):
    def images(pool, n):
        found, reasons = posed(pool, n)
        return found[:1], reasons

    posed = command.image_checks
    monkeypatch.setattr(command, "image_checks", images)
    line = ["bench", "exam", "digits", "-n", "500", "--repetitions", "2", "--record", "--json"]
    monkeypatch.setattr(sys, "argv", line)
    with pytest.raises(SystemExit) as done:
        main()
    assert not done.value.code
    told = json.loads(capsys.readouterr().out)
    assert told["page"] == "reports/exam_digits/README.md"
    (sat,) = read_record()
    assert (sat.subject, sat.detector) == ("digits", "digits")
    assert sat.failed == told["failed"]
    text = (tmp_path / told["page"]).read_text(encoding="utf-8")
    assert "bench exam digits -n 500 --repetitions 2\n" in text
    assert "on digits" in text
    assert "Beside the paper's pairs" not in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["mnits"], "unknown dataset 'mnits'"),
        (["ring8"], "exam is for pictures"),
        (["digits", "--detector", "nobody"], "nobody"),
        (["gaussian", "-n", "3"], "see `bench exam --help`"),
        (["gaussian", "--repetitions", "1"], "see `bench exam --help`"),
        (["digits", "--record", "yes"], "see `bench exam --help`"),
        (["folder:/nowhere\n\x1b[31m"], "nowhere"),
    ],
)
def test_hostile_argument_gets_one_sentence(words, said, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bench", "exam", *words])
    with pytest.raises(SystemExit) as done:
        main()
    assert done.value.code == 2
    out = capsys.readouterr()
    (line,) = out.err.splitlines()
    assert said in line
    assert "\x1b" not in line


def test_file_in_place_of_the_folder_is_a_usage_error(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "point_checks", few)
    monkeypatch.setattr(command, "sit", lambda *_: ())
    (tmp_path / "taken").write_text("x", encoding="utf-8")
    with pytest.raises(UsageError, match="is a file: give a folder with --out"):
        write_exam("gaussian", n=20, repetitions=2, out=tmp_path / "taken")


def test_too_few_images_are_refused(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "few.npz"
    images, labels = rng.integers(0, 256, (300, 8, 8), dtype=np.uint8), np.arange(300) % 10
    np.savez(path, x=images, y=labels)
    with pytest.raises(UsageError, match="expected at least 20: give it more images"):
        write_exam(f"npz:{path}", detector="random", out=tmp_path / "page")


def test_record_keeps_one_exam_for_each_subject(on_record):
    assert read_record() == []
    write_record(SAT)
    write_record(replace(SAT, subject="b", failed={}))
    write_record(replace(SAT, failed={"kd": ["noise"]}))
    assert [each.subject for each in read_record()] == ["b", "digits"]
    assert read_record()[1].says("kd") == "fails 1 of 3 (noise)"
    assert read_record()[1].says("fd") == ""


def test_record_of_the_package_can_be_read():
    for sat in read_record():
        assert set(sat.failed) == set(sat.checks)
        assert all(len(failed) <= sat.checks[name] for name, failed in sat.failed.items())


def test_list_of_metrics_says_what_each_failed(on_record):
    assert "exam" not in list_kind("metrics")["frechet"]
    write_record(SAT)
    told = list_kind("metrics")
    assert told["frechet"].endswith(" fd fails 2 of 3 (noise, outlier) in the exam on digits.")
    assert "exam" not in told["kernel"]


@pytest.fixture
def results():
    return read_results(STUDY, IDENTITY, study_records(), lambda *_: None)


def test_report_marks_what_failed_in_the_features_of_its_detector(on_record, results):
    plain = every_measure(results)
    assert with_exams(results) is results
    write_record(replace(SAT, detector="mnist", subject="mnist"))
    assert with_exams(results) is results
    write_record(SAT)
    text = every_measure(with_exams(results))
    assert "| `fd_digits_n500` ¶ |" in text
    told = "¶ In the sanity checks of `bench exam`: `fd_digits_n500` fails 2 of 3 (noise, outlier)."
    assert told in text
    assert "¶" not in plain


def test_somebody_elses_fact_is_no_exam(results):
    assert exams(replace(results, facts={EXAMS: "[{"})) == []
    assert exams(replace(results, facts={EXAMS: '[{"subject": 1}]'})) == []


def test_report_is_made_again_with_the_marks_that_it_had(on_record, results):
    then = with_exams(results)
    write_record(SAT)
    now = with_exams(results)
    assert EXAMS in now.facts
    for made, made_again in ((then, now), (now, then)):
        told = manifest(made, Composed({}, {}))
        assert _linked(made_again, told).facts == made.facts
