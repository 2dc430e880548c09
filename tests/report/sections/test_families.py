"""The report's table of families."""

import dataclasses

from synthetic_study import IDENTITY, STUDY, study_records

from bench.report.sections.families import families
from bench.results.results import read_results


def column(title, records):
    """Family to its cell."""
    text = families(read_results(STUDY, IDENTITY, records, lambda *_: None))
    header, _, *rows = [line.strip("|").split("|") for line in text.splitlines() if line[:1] == "|"]
    place = [cell.strip() for cell in header].index(title)
    return {row[0].strip(" `"): row[place].strip() for row in rows}


def test_copies_are_told_by_what_they_are_at_least_so_that_poor_samples_show_none():
    """An untrained VAE has few neighbours: its share was 0.84, anything from -3.7 to 1."""
    poor = {"test/copied": 0.84, "test/copied_low": -3.7}
    records = [
        dataclasses.replace(r, metrics={**r.metrics, **poor}) if r.tags["family"] == "vae" else r
        for r in study_records()
    ]
    found = column("`copied`, at least (1 = all)", records)
    assert found["memoriser"] == "0.98"
    assert {found[arm] for arm in ("vae", "gan", "wgan", "uniform_noise")} == {"0.00"}


def test_headline_has_precision_and_recall_and_not_what_noise_may_have_whole():
    assert column("`precision` ↑", study_records())["vae"].startswith("0.")
    text = families(read_results(STUDY, IDENTITY, study_records(), lambda *_: None))
    assert "legible" not in text


def test_covered_modes_and_good_points_stand_first_where_the_truth_is_known():
    known = {"test/covered_n500": 7.0, "test/covered_n500_real": 8.0, "test/good_n500": 0.25}
    records = [dataclasses.replace(r, metrics=r.metrics | known) for r in study_records()]
    assert column("`covered_n500` ↑", records)["vae"].startswith("7.0")
    assert column("`good_n500` ↑", records)["gan"].startswith("0.250")
    text = families(read_results(STUDY, IDENTITY, study_records(), lambda *_: None))
    assert "covered" not in text.partition("`classes` covered")[0]
