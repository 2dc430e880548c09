"""The figure of the families at their chosen cells."""

from synthetic_study import IDENTITY, STUDY, study_records

from bench.plots import style
from bench.plots.headline import draw, numbers
from bench.results.results import read_results


def results_of(records):
    return read_results(STUDY, IDENTITY, records, lambda _run_id, _name: None)


def test_headline_shows_the_chosen_cells_and_what_no_family_made():
    rows = numbers(results_of(study_records()))
    means = rows[rows["kind"] == "mean"]
    assert means["arm"].tolist() == ["vae", "gan", "wgan"]
    assert (rows["kind"] == "seed").sum() == 9
    lines = rows.loc[rows["kind"] == "line", "label"].tolist()
    assert lines == ["memoriser", "pixel gaussian", "uniform noise", "floor: real train"]


def test_intervals_lie_within_the_axes():
    results = results_of(study_records())
    rows = numbers(results)
    with style():
        low, high = draw(rows, results).figure.axes[0].get_ylim()
    assert low < rows["low"].min() < rows["high"].max() < high


def test_intervals_of_few_seeds_need_no_room():
    results = results_of(study_records(seeds=(0,)))
    with style():
        assert draw(numbers(results), results).alt.startswith("Test distance by family")
