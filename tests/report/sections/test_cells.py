"""The report's table of every measure."""

import dataclasses

from synthetic_study import IDENTITY, STUDY, run_record

from bench.report.sections.cells import every_measure
from bench.results.results import read_results

EXTRA = {
    "test/kd_digits_n297": 30.0,
    "test/kd_digits_n500": 20.0,
    "test/kd_digits_n500_se": 3.0,
    "test/legible": 0.75,
    "test/legible_real": 0.98,
    "test/copied": 0.1,
    "test/copied_low": 0.04,
    "val/kd_digits_n297": 31.0,
}


def table(**of):
    records = []
    for arm, extra in of.items():
        for seed in range(3):
            record = run_record(arm, 2, seed)
            records.append(dataclasses.replace(record, metrics={**record.metrics, **extra}))
    results = read_results(STUDY, IDENTITY, records, lambda *_: None)
    return every_measure(results)


def row(text, name):
    (line,) = [line for line in text.splitlines() if line.startswith(f"| `{name}` |")]
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_each_measure_has_a_row_with_families_and_real_images():
    text = table(vae=EXTRA, gan=EXTRA)
    assert row(text, "legible") == ["0.750 [0.750, 0.750]"] * 2 + ["0.980"]


def test_of_several_n_the_largest_is_shown_and_what_belongs_to_a_value_is_not():
    text = table(vae=EXTRA)
    assert row(text, "kd_digits_n500")[0].startswith("20.0")
    for hidden in ("kd_digits_n297", "n500_se", "copied_low", "legible_real", "floor_"):
        assert hidden not in text


def test_family_without_a_measure_has_none():
    text = table(vae=EXTRA | {"test/iwae_64_bernoulli_resampled_n500": -20.0}, gan=EXTRA)
    assert row(text, "iwae_64_bernoulli_resampled_n500") == ["-20.0 [-20.0, -20.0]", "n/a", ""]
