"""The calibration card: what it says, that it follows the numbers, and when it measures again."""

import json
import re
import sys
from dataclasses import asdict, replace

import numpy as np
import pytest
from synthetic_study import IDENTITY, STUDY, study_records

from bench.calibration.card import NUMBERS, STORED, card_text, read_numbers, write_card
from bench.calibration.numbers import (
    Calibration,
    DoseResponse,
    Floor,
    Point,
    ProbeResults,
    rank_correlation,
)
from bench.cli import calibrate as command, main
from bench.cli.calibrate import write_calibration
from bench.errors import UsageError
from bench.report.writer import report_text, write_report
from bench.results.results import read_results

DOSES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)


def response(means, corruption="blur", doses=DOSES):
    points = tuple(Point(dose, mean, 0.1) for dose, mean in zip(doses, means, strict=True))
    return DoseResponse(corruption=corruption, unit="pixels", identity=0, points=points)


def floor_of(mean, spread, name="fd_toy_n500"):
    return Floor(f"test/floor_train_{name}", int(name.rpartition("_n")[2]), mean, spread)


FLOOR = floor_of(2.0, 0.5)
RISING = (2.1, 3.0, 5.0, 9.0, 20.0, 50.0)
FALLING = RISING[::-1]


def answers_of(name="fd_toy_n500", means=RISING, floor=FLOOR, **changes):
    noise = response([2 * mean for mean in means], "noise")
    curve = tuple(Point(n, floor.mean + 200 / n, 0.3) for n in (100, 500))
    others = (
        Floor("test/floor_heldout_fd_toy_n250", 250, 3.5, 0.8),
        Floor("val/floor_train_fd_toy_n297", 297, 3.0, 0.7),
    )
    known = ProbeResults(
        name=name,
        detector="toy",
        dim=32,
        n=500,
        coarse=False,
        floors=(floor_of(4.0, 0.9, "fd_toy_n100"), floor),
        others=others,
        responses=(response(means), noise),
        curves={"blur 0.3": tuple(Point(p.x, p.mean + 3, 0.3) for p in curve), "real": curve},
        ceilings={"pixel Gaussian": 20.0, "uniform noise": 90.0},
    )
    return replace(known, **changes)


def calibration_of(*answers, **changes):
    known = Calibration(
        key="k",
        command="bench calibrate toy",
        dataset="toy",
        sizes={"train": 1_000, "validation": 297, "test": 500},
        pool=1_000,
        draws=10,
        answers=answers or (answers_of(),),
        not_applicable={},
        facts={"data digest": "d1d1", "detector toy": "e2e2, 32 features", "torch": "2.13.0"},
    )
    return replace(known, **changes)


def text_of(*answers, **changes):
    calibration = calibration_of(*answers, **changes)
    drawn = {f"doses_{a.name.rpartition('_n')[0]}": "" for a in calibration.answers}
    return card_text(calibration, {**drawn, "against_n": ""})


def files_of(folder):
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A card of a Frechet distance and of a kernel distance around 0."""
    out = tmp_path_factory.mktemp("reports") / "calibration_toy"
    near = floor_of(-0.1, 0.3, "kd_toy_n500")
    kernel = answers_of("kd_toy_n500", (-0.2, 0.1, 2.0, 90.0, 5e3, 1e6), near)
    write_card(calibration_of(answers_of(), kernel), b"png", out)
    return out


def test_rank_correlation_is_that_of_scipy_and_none_where_it_says_nothing():
    assert rank_correlation(DOSES, RISING) == pytest.approx(1)
    assert rank_correlation(DOSES, FALLING) == pytest.approx(-1)
    # One swapped pair of six: 1 - 6 * 2 / (6 * 35).
    assert rank_correlation(DOSES, (1, 3, 2, 4, 5, 6)) == pytest.approx(1 - 12 / 210)
    assert rank_correlation(DOSES, (7.0,) * 6) is None
    assert rank_correlation((1, 2), (1, 2)) is None


def test_distance_that_rises_far_above_the_floor_does_what_is_asked():
    verdict = response(RISING).verdict(FLOOR)
    assert verdict.failures == ()
    assert verdict.spreads == pytest.approx((50 - 2) / 0.5)
    assert verdict.within == (0.1,)


@pytest.mark.parametrize(
    ("means", "failures"),
    [
        (FALLING, ["does not rise with the doses", "does not leave the floor"]),
        ((3, 5, 4, 9, 20, 50), ["does not rise with the doses (rank correlation 0.94)"]),
        ((2.1, 2.2, 3, 4, 5, 6.9), ["does not leave the floor by 10 spreads at the last dose"]),
        ((2.0,) * 6, ["is the same at every dose", "does not leave the floor"]),
    ],
)
def test_distance_that_fails_says_how(means, failures):
    found = response(means).verdict(FLOOR).failures
    assert len(found) == len(failures)
    assert all(said in text for said, text in zip(failures, found, strict=True))


def test_dose_whose_own_spread_reaches_the_floor_is_not_told_from_it():
    points = tuple(Point(dose, mean, 2.0) for dose, mean in zip(DOSES, RISING, strict=True))
    wide = replace(response(RISING), points=points)
    assert wide.verdict(FLOOR).within == (0.1, 0.2)  # 3.0 is above 2.0 by less than 2.0


def test_floor_without_a_spread_is_left_only_from_above_it():
    flat = floor_of(2.0, 0.0)
    verdict = response((2.0, 2.0, 2.2, 2.3, 2.4, 2.5)).verdict(flat)
    assert (verdict.spreads, verdict.within, verdict.failures) == (None, (0.1, 0.2), ())


def test_numbers_come_back_from_json_to_the_same_bits():
    known = calibration_of(answers_of(floor=floor_of(1 / 3, 0.1 + 0.2)))
    assert STORED.validate_json(json.dumps(asdict(known))) == known


def test_first_sentence_says_what_a_difference_is_and_follows_the_numbers():
    assert (
        "**On toy with n = 500, differences of `fd_toy_n500` below 0.50 are within what real images differ by (real train images "
        "have 2.00 ± 0.50); it rises with every dose of blur and noise.**"
    ) in text_of()
    wide = text_of(answers_of(floor=floor_of(3.0, 1.25)))
    assert (
        "below 1.2 are within what real images differ by (real train images have 3.00 ± 1.2)"
        in wide
    )


def test_dose_that_is_not_above_the_floor_is_not_said_to_raise_the_distance():
    low = answers_of(responses=(response((1.9, *RISING[1:])), response(RISING, "noise")))
    assert (
        "; it rises with every dose of noise, and with those of blur from 0.2 on (0.1 is not above the floor).**"
    ) in text_of(low)
    lower = answers_of(responses=(response((1.8, 1.9, *RISING[2:])),))
    assert f"rises with those of blur from {DOSES[2]:g} on (0.1 and 0.2 are not above" in text_of(
        lower
    )


def test_distance_that_once_falls_from_a_dose_to_the_next_only_follows_the_doses():
    eight = response((3, 5, 9, 8, 20, 30, 40, 50), "noise", tuple(range(1, 9)))
    said = text_of(answers_of(responses=(response(RISING), eight)))
    assert "; it rises with every dose of blur; it follows the doses of noise.**" in said


def test_failing_distance_fails_in_plain_words():
    text = text_of(answers_of(responses=(response(FALLING), response(RISING, "noise"))))
    sentence = text.split("**")[1]
    assert "it rises with every dose of noise; it FAILS on blur: it does not rise" in sentence
    assert "| `fd_toy_n500` | blur | NO: it does not rise with the doses" in text
    assert "| `fd_toy_n500` | noise | yes | 1.00 |" in text


def test_constant_distance_is_not_called_fine():
    flat = (response((2.0,) * 6), response((2.0,) * 6, "noise"))
    sentence = text_of(answers_of(responses=flat, floor=floor_of(2.0, 0.0))).split("**")[1]
    assert "rises" not in sentence
    assert "it FAILS on blur: it is the same at every dose and does not leave" in sentence
    assert "it FAILS on noise: it is the same at every dose" in sentence


def test_doses_within_the_spread_of_the_floor_are_named_and_marked():
    text = text_of()
    assert "Not told from real images, being within the spread: blur 0.1" in text
    assert "| blur (pixels) | 0.1: 2.10 ± 0.10 ° | 0.2: 3.00 ± 0.10 |" in text
    told = text_of(answers_of(floor=floor_of(1.0, 0.5)))
    assert "The smallest dose of every corruption is told from real images." in told
    assert " ° " not in told.split("## Doses")[1].split("###")[1]


def test_spread_is_given_where_models_are_too():
    # Half of the pixel Gaussian's 20 is nearest to noise 0.3 with 2 x 5.
    assert "500 images with noise 0.3 are at 10.0 ± 0.10" in text_of()


def test_coarse_distance_is_marked():
    assert "Coarse" not in text_of()
    assert "fewer than 10 images for each of 32 features" in text_of(answers_of(coarse=True))


def test_floors_of_every_n_and_ceilings_stand_in_tables():
    text = text_of()
    rows = (
        "| train against test | 500 | 2.00 ± 0.50 |",
        "| train against test | 100 | 4.00 ± 0.90 |",
        "| train against validation | 297 | 3.00 ± 0.70 |",
        "| halves of test | 250 | 3.50 ± 0.80 |",
    )
    assert "\n".join(rows) in text
    assert "| `fd_toy_n500` | 20.0 | 90.0 |" in text


def test_what_was_not_measured_is_said_with_its_remedy():
    text = text_of(not_applicable={"fid": "the weights are not here: fetch them"})
    assert "- Not measured: fid, the weights are not here: fetch them." in text


def test_provenance_has_command_digests_and_versions():
    text = text_of().split("## Provenance")[1]
    for part in ("bench calibrate toy", "`d1d1`", "`e2e2, 32 features`", "`2.13.0`", NUMBERS):
        assert part in text


def test_card_links_only_to_its_files_and_every_figure_has_alternative_text(written):
    text = (written / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert {f"figures/{path.name}" for path in (written / "figures").iterdir()} <= set(links)
    assert [link for link in links if not (written / link).is_file()] == []
    alts = re.findall(r"!\[([^]]*)\]", text)
    assert len(alts) == 4
    assert min(map(len, alts)) > 40


def test_figures_of_a_card_are_small(written):
    sizes = [path.stat().st_size for path in (written / "figures").iterdir()]
    assert sum(sizes) < 150_000


def test_card_never_shows_nan(written):
    for name in ("README.md", NUMBERS):
        text = (written / name).read_text(encoding="utf-8")
        assert not re.search(r"\b(nan|NaN|inf|None)\b", text)


def test_file_in_place_of_the_folder_is_a_usage_error(tmp_path):
    (tmp_path / "taken").write_text("x", encoding="utf-8")
    with pytest.raises(UsageError, match="is a file: give a folder with --out"):
        write_card(calibration_of(), b"png", tmp_path / "taken")


@pytest.mark.parametrize(
    "change",
    [
        lambda known: "{",
        lambda known: "[]",
        lambda known: {**known, "answers": []},
        lambda known: {**known, "answers": [{**known["answers"][0], "ceilings": {}}]},
        lambda known: {**known, "answers": [{**known["answers"][0], "responses": []}]},
        lambda known: {**known, "draws": "many"},
    ],
)
def test_numbers_that_were_damaged_are_not_read(written, tmp_path, change):
    known = json.loads((written / NUMBERS).read_text())
    changed = change(known)
    (tmp_path / NUMBERS).write_text(changed if isinstance(changed, str) else json.dumps(changed))
    assert read_numbers(tmp_path) is None
    assert read_numbers(written) is not None


OPTIONS = {"dataset": "digits", "detectors": "auto", "most": 40}


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory):
    """A card of digits at 40 images, made by the command."""
    out = tmp_path_factory.mktemp("calibrated")
    said = []
    summary = write_calibration(**OPTIONS, out=out, say=said.append)
    assert any("digits: real and damaged images" in line for line in said)
    answer = "On digits with n = 40, differences of `fd_digits_n40` below"
    assert any(line.startswith(answer) for line in said)
    assert summary["card"] == str(out / "README.md")
    return out


@pytest.fixture
def measuring(monkeypatch):
    """Counts what is measured, without measuring or drawing."""
    calls = []

    def calibrate(reference, detector, most):
        calls.append((detector.name, most))
        return [answers_of(n=most)], {}

    def card_figures(calibration, folder):
        return dict.fromkeys(
            ["doses_fd_toy", "doses_fd_digits", "doses_kd_digits", "against_n"], ""
        )

    monkeypatch.setattr(command, "calibrate", calibrate)
    monkeypatch.setattr("bench.calibration.card.card_figures", card_figures)
    return calls


def test_damaged_numbers_are_said_and_measured_again(tmp_path, measuring):
    (tmp_path / NUMBERS).write_text("{")
    said = []
    write_calibration(**OPTIONS, out=tmp_path, say=said.append)
    assert said[0] == f"note: '{tmp_path / NUMBERS}' cannot be read: all of it is measured again"
    assert len(measuring) == 1


def test_second_call_measures_nothing_and_writes_the_same_bytes(calibrated, monkeypatch):
    before, said = files_of(calibrated), []
    monkeypatch.setattr(command, "calibrate", None)
    write_calibration(**OPTIONS, out=calibrated, say=said.append)
    assert "not again" in said[0]
    assert files_of(calibrated) == before


def test_card_is_a_png_of_examples_and_says_its_command(calibrated):
    assert (calibrated / "figures" / "examples.png").read_bytes().startswith(b"\x89PNG")
    text = (calibrated / "README.md").read_text(encoding="utf-8")
    assert "bench calibrate digits --detectors auto -n 40\n" in text
    assert "`fd_digits_n40`" in text


@pytest.mark.parametrize("change", [{"fresh": True}, {"most": 30}])
def test_other_settings_and_fresh_measure_again(calibrated, measuring, tmp_path, change):
    (tmp_path / NUMBERS).write_bytes((calibrated / NUMBERS).read_bytes())
    write_calibration(**OPTIONS | change, out=tmp_path)
    assert measuring == [("digits", change.get("most", 40))]


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"key": 3}'])
def test_damaged_numbers_are_measured_again(measuring, tmp_path, text):
    (tmp_path / NUMBERS).write_text(text, encoding="utf-8")
    write_calibration(**OPTIONS, out=tmp_path)
    assert len(measuring) == 1


def test_data_without_a_detector_of_their_own_get_the_remedy(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "plain.npz"
    np.savez(path, x=rng.integers(0, 256, (300, 6, 6), dtype=np.uint8))
    with pytest.raises(UsageError, match="it has no labels to make one: look through"):
        write_calibration(f"npz:{path}", detectors="auto", out=tmp_path / "card")


def test_command_line_writes_beside_the_reports(measuring, monkeypatch, tmp_path, capsys):
    line = ["bench", "calibrate", "digits", "--detectors", "auto", "-n", "50", "--json"]
    monkeypatch.setattr(sys, "argv", line)
    with pytest.raises(SystemExit) as done:
        main()
    assert not done.value.code
    assert json.loads(capsys.readouterr().out)["card"] == "reports/calibration_digits/README.md"
    assert measuring == [("digits", 50)]
    assert (tmp_path / "reports" / "calibration_digits" / "README.md").is_file()


def test_report_names_the_command_until_a_card_lies_beside_it(tmp_path):
    results = read_results(STUDY, IDENTITY, study_records(), lambda *_: None)
    out = tmp_path / "reports" / "depth_sweep"
    out.mkdir(parents=True)

    def said():
        return report_text(results, "", out).split("### Floors")[1].split("\n#")[0]

    assert "`bench calibrate digits`" in said()
    card = out.parent / "calibration_digits" / "README.md"
    card.parent.mkdir()
    card.write_text("card", encoding="utf-8")
    assert said() == said()
    link = re.search(r"\]\(([^)]+)\)", said())
    assert link is not None
    assert (out / link[1]).samefile(card)
    assert "bench calibrate" not in said()


def test_written_report_looks_for_the_card_beside_its_own_folder(tmp_path):
    card = tmp_path / "calibration_digits" / "README.md"
    card.parent.mkdir()
    card.write_text("card", encoding="utf-8")
    readme = write_report(
        STUDY, IDENTITY, study_records()[-3:], lambda *_: None, tmp_path / "study"
    )
    assert "(../calibration_digits/README.md)" in readme.read_text(encoding="utf-8")
