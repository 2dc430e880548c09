"""bench compare: one column for each configuration, and a best one only where a test says so."""

import dataclasses
import json

import numpy as np
import pytest
from golden.golden import stored_records
from golden.stored_study import stored
from scipy import stats
from synthetic_study import grid_png, lost, run_record

from bench.cli.compare import compare_runs
from bench.compare.runs import NO_TEST, side_by_side
from bench.compare.text import markdown, to_json
from bench.errors import UsageError
from bench.measures import Measure, measures_tag
from bench.results.runs import RecordedRun
from bench.tracking.mlflow import Store

FD = "test/fd_digits_n500"


def runs_of(*cells, seeds=(0, 1, 2)):
    """Records of cells such as ("gan", 2), as runs."""
    return [RecordedRun(run_record(arm, depth, seed)) for arm, depth in cells for seed in seeds]


def table_of(runs):
    """Row name to its cells, from the markdown."""
    text = markdown(side_by_side(runs))
    rows = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return {row[0]: row[1:] for row in cells}


def set_values(runs, metric, values):
    for run, value in zip(runs, values, strict=True):
        run.record.metrics[metric] = value
    return runs


def tagged(run, **tags):
    return RecordedRun(dataclasses.replace(run.record, tags={**run.record.tags, **tags}))


def test_runs_that_differ_in_their_seed_alone_are_one_column_with_a_t_interval():
    runs = runs_of(("gan", 2), ("gan", 4))
    values = [run.value(FD) for run in runs[:3]]
    cells = table_of(runs)
    assert cells["measure"][:2] == ["`gan depth 2`", "`gan depth 4`"]
    assert cells["runs"][:2] == ["3 ok", "3 ok"]
    logs = np.log(values)
    low, high = np.exp(stats.t.interval(0.95, 2, np.mean(logs), stats.sem(logs)))
    shown = cells["`fd_digits_n500` ↓"][0].strip("*")
    assert shown == f"{stats.gmean(values):.2f} [{low:.2f}, {high:.2f}]"


def test_two_columns_of_one_model_have_their_ratio_over_pairs_of_seeds():
    runs = runs_of(("gan", 2), ("gan", 4))
    a, b = (np.log([run.value(FD) for run in half]) for half in (runs[:3], runs[3:]))
    (test,) = next(r for r in to_json(side_by_side(runs))["rows"] if r["measure"] == FD)["tests"]
    assert test["p"] == pytest.approx(stats.ttest_rel(a, b).pvalue, rel=1e-9)


def test_two_columns_of_other_models_have_their_ratio_and_welch_p():
    runs = runs_of(("gan", 2), ("vae", 4))
    a, b = (np.log([run.value(FD) for run in half]) for half in (runs[:3], runs[3:]))
    expected = stats.ttest_ind(a, b, equal_var=False)
    (test,) = next(r for r in to_json(side_by_side(runs))["rows"] if r["measure"] == FD)["tests"]
    assert test["p"] == pytest.approx(expected.pvalue, rel=1e-9)
    interval = expected.confidence_interval(0.95)
    ratio = np.exp([np.mean(a) - np.mean(b), *interval])
    assert test["ratio"] == pytest.approx(ratio, rel=1e-9)


def test_best_is_bold_only_where_it_is_better_than_every_other_column():
    runs = runs_of(("gan", 2), ("vae", 2), ("wgan", 2))
    set_values(runs, FD, [1.0, 1.1, 1.2, 9.0, 9.1, 9.2, 9.0, 9.1, 9.3])
    assert [cell.startswith("**") for cell in table_of(runs)["`fd_digits_n500` ↓"]] == [
        True,
        False,
        False,
    ]
    set_values(runs, FD, [1.0, 1.1, 1.2, 1.1, 1.2, 1.3, 9.0, 9.1, 9.3])
    assert not any(cell.startswith("**") for cell in table_of(runs)["`fd_digits_n500` ↓"])


def test_pairs_of_a_row_are_corrected_by_holm():
    runs = runs_of(("gan", 2), ("vae", 2), ("wgan", 2))
    first, others = [1.0, 1.5, 2.0], [[2.4, 3.0, 3.6], [2.4, 3.05, 3.65]]
    set_values(runs, FD, [*first, *others[0], *others[1]])
    logs = [np.log(values) for values in (first, *others)]
    raw = [stats.ttest_ind(logs[0], other, equal_var=False).pvalue for other in logs[1:]]
    assert max(raw) < 0.05 < 2 * min(raw)  # each alone would be bold, both together are not
    row = next(r for r in side_by_side(runs).rows if r.metric == FD)
    assert row.best is None
    assert min(c.p for c in row.comparisons) == pytest.approx(3 * min(raw))


def test_higher_is_better_where_the_measure_says_so():
    runs = set_values(
        runs_of(("gan", 2), ("vae", 2)), "test/classes", [9.0, 9.1, 9.2, 1.0, 1.1, 1.2]
    )
    cells = table_of(runs)["`classes` ↑"]
    assert [cell.startswith("**") for cell in cells[:2]] == [True, False]


def test_one_run_each_is_told_as_no_test_and_marks_nothing():
    text = markdown(side_by_side(runs_of(("gan", 2), ("vae", 2), seeds=(0,))))
    assert NO_TEST in text
    assert "**" not in text
    assert "difference" not in text


def test_two_seeds_are_not_tested():
    runs = set_values(runs_of(("gan", 2), ("vae", 2), seeds=(0, 1)), FD, [1.0, 1.1, 9.0, 9.1])
    text = markdown(side_by_side(runs))
    assert "No test: a column has fewer than three runs with a value." in text
    assert "**" not in text
    assert "§ fewer than three seeds: no interval" in text


def test_values_of_different_detectors_never_share_a_row():
    runs = runs_of(("gan", 2), ("vae", 2))
    runs[3:] = [tagged(run, detector_digest="ffff") for run in runs[3:]]
    cells = table_of(runs)
    mine = cells["`fd_digits_n500` ↓ (detector digest e2e2e2e2e2e2e2e2)"]
    theirs = cells["`fd_digits_n500` ↓ (detector digest ffff)"]
    assert (mine[1], theirs[0]) == ("another row", "another row")
    assert "**" not in mine[0] + theirs[1]
    text = markdown(side_by_side(runs))
    assert "another detector digest: `e2e2e2e2e2e2e2e2` (`gan`), `ffff` (`vae`)." in text


def test_what_no_detector_takes_part_in_stays_in_one_row():
    runs = runs_of(("vae", 1), ("vae", 2))
    runs[3:] = [tagged(run, detector_digest="ffff") for run in runs[3:]]
    cells = table_of(runs)["`elbo_bernoulli_resampled` ↑"]
    assert all(cell.strip("*").startswith("-2") for cell in cells[:2])


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("mmd_posterior_n500", "`mmd_posterior_n500` ↓"),
        ("knn_accuracy", "`knn_accuracy`"),
        ("silhouette", "`silhouette`"),
        ("exact_copies", "`exact_copies`"),
        ("class_share", "`class_share`"),
    ],
)
def test_latents_and_pixels_stay_in_one_row_whatever_the_detector(name, row):
    runs = runs_of(("vae", 1), ("vae", 2))
    runs[3:] = [tagged(run, detector_digest="ffff") for run in runs[3:]]
    set_values(runs, f"test/{name}", [0.1, 0.11, 0.12, 0.9, 0.91, 0.92])
    cells = table_of(runs)[row]
    assert "another row" not in cells
    assert cells[0].startswith("**") == ("↓" in row)  # tested where one direction is better


def test_further_detector_of_a_name_is_the_one_it_carries_and_no_other():
    runs = runs_of(("gan", 2), ("vae", 2))
    digests = {"detector_digest_mnist": "aaaa", "detector_digest_fashion_mnist": "bbbb"}
    runs[:3] = [tagged(run, **digests) for run in runs[:3]]
    runs[3:] = [tagged(run, **digests | {"detector_digest_mnist": "cccc"}) for run in runs[3:]]
    set_values(runs, "test/fd_fashion_mnist_n500", [1.0, 1.1, 1.2, 9.0, 9.1, 9.2])
    assert table_of(runs)["`fd_fashion_mnist_n500` ↓"][0].startswith("**")


def test_values_of_different_data_never_share_a_row():
    runs = runs_of(("vae", 1), ("vae", 2))
    runs[3:] = [tagged(run, data_digest="ffff") for run in runs[3:]]
    rows = [name for name in table_of(runs) if "elbo" in name]
    assert len(rows) == 2
    assert all("data digest" in name for name in rows)


def test_distances_of_no_common_n_have_rows_of_their_own():
    runs = runs_of(("gan", 2), ("vae", 2))
    for run in runs[3:]:
        for name in [name for name in run.record.metrics if "fd_digits" in name]:
            del run.record.metrics[name]
        run.record.metrics["test/fd_digits_n400"] = 5.0 + run.seed
    cells = table_of(runs)
    assert cells["`fd_digits_n400` ↓"][0] == cells["`fd_digits_n500` ↓"][1] == "–"
    said = "`fd_digits` is of 400 images (`vae`) and 500 images (`gan`)"
    assert said in markdown(side_by_side(runs))


def test_distances_are_compared_at_the_largest_common_n():
    runs = runs_of(("gan", 2), ("vae", 2))
    for run in runs[3:]:
        del run.record.metrics[FD]
    assert [name for name in table_of(runs) if "fd_digits" in name] == ["`fd_digits_n297` ↓"]


def test_different_likelihoods_never_share_a_row():
    runs = runs_of(("vae", 1), ("vae", 2))
    for i, run in enumerate(runs[3:], start=3):
        elbo = run.record.metrics.pop("test/elbo_bernoulli_resampled")
        run.record.metrics["test/elbo_gaussian_sigma0.1"] = elbo
        runs[i] = tagged(run, passport="gaussian_sigma0.1")
    cells = table_of(runs)
    assert cells["`elbo_bernoulli_resampled` ↑"][1] == "–"
    assert cells["`elbo_gaussian_sigma0.1` ↑"][0] == "–"
    assert "another likelihood: `bernoulli_resampled`" in markdown(side_by_side(runs))


def test_measure_that_a_model_cannot_have_is_not_applicable_and_one_not_taken_is_missing():
    runs = runs_of(("gan", 2), ("vae", 2))
    for run in runs[:3]:
        del run.record.metrics["test/legible"]
    cells = table_of(runs)
    assert cells["`elbo_bernoulli_resampled` ↑"][0] == cells["`active_units`"][0] == "n/a"
    assert cells["`legible`"][0] == "–"
    assert "–: not measured." in markdown(side_by_side(runs))


@pytest.mark.parametrize(
    ("metric", "row"),
    [
        ("latent_clusters", "knn_accuracy"),
        ("kernel", "kd_digits_n500"),
        ("frechet_mnist", "fd_mnist_n500"),
        ("overlap", "precision_digits_n500"),
        ("kl_latents", "kl_latents_90"),
        ("best_sigma", "elbo_best_sigma"),
        ("fid", "fid_n500"),
    ],
)
def test_reason_of_a_metric_is_said_in_the_rows_of_all_its_values(metric, row):
    runs = runs_of(("gan", 2), ("vae", 2))
    runs[:3] = [tagged(run, not_applicable=json.dumps({metric: "why"})) for run in runs[:3]]
    for run in runs[:3]:
        run.record.metrics.pop(f"test/{row}", None)
    set_values(runs[3:], f"test/{row}", [1.0, 2.0, 3.0])
    found = next(cells for name, cells in table_of(runs).items() if name.startswith(f"`{row}`"))
    assert found[0] == "n/a"


def test_annealing_of_a_gan_is_not_measured_and_not_impossible():
    runs = set_values(runs_of(("gan", 2), ("vae", 2)), "test/legible", [0.5] * 6)
    name = "ais_gaussian_sigma0.1_n100_c16_t1000"
    set_values(runs[3:], f"test/{name}", [1.0, 2.0, 3.0])
    assert table_of(runs)[f"`{name}` ↑"][0] == "–"


def test_metric_of_a_plugin_is_tested_by_what_its_runs_declare():
    runs = runs_of(("gan", 2), ("vae", 2))
    runs[3:] = [tagged(run, detector_digest="ffff") for run in runs[3:]]
    set_values(runs, "test/sharpness_n500", [0.9, 0.91, 0.92, 0.1, 0.11, 0.12])
    # Through a detector, as far as anybody knows: values of two detectors are apart.
    assert all("detector digest" in name for name in table_of(runs) if "sharpness" in name)
    tag = measures_tag({"sharpness": Measure("sharpness", "higher", "nothing")})
    runs[:3] = [tagged(run, **tag) for run in runs[:3]]  # the others are older
    cells = table_of(runs)["`sharpness_n500` ↑"]
    assert [cell.startswith("**") for cell in cells[:2]] == [True, False]


def test_column_is_named_by_what_the_model_is_before_how_it_was_measured():
    runs = runs_of(("gan", 2), ("gan", 4), seeds=(0,))
    runs[1].record.params["eval.detector"] = "random"
    assert table_of(runs)["measure"] == [
        "`gan depth 2, detector auto`",
        "`gan depth 4, detector random`",
    ]


def test_run_that_diverged_is_counted_and_marks_the_mean():
    runs = runs_of(("gan", 2), ("vae", 2), seeds=(0, 1, 2, 3))
    runs[1] = RecordedRun(lost(runs[1].record, "diverged", "not finite"))
    cells = table_of(runs)
    assert cells["runs"][0] == "3 ok, 1 diverged"
    assert "‡" in cells["`fd_digits_n500` ↓"][0]


def test_budgets_that_differ_are_told():
    runs = runs_of(("gan", 2), ("vae", 2))
    for run in runs[3:]:
        run.record.params["train.num_images"] = "48000"
    assert "The budgets in real images differ: 24,000 (`gan`), 48,000 (`vae`)." in markdown(
        side_by_side(runs)
    )


def test_run_and_its_repetition_are_no_two_samples():
    runs = runs_of(("gan", 2))
    twin = RecordedRun(dataclasses.replace(runs[0].record, run_id="again"))
    with pytest.raises(
        UsageError, match=r"runs run_gan_2_0 and again have one configuration and one seed"
    ):
        side_by_side([*runs, twin])


def test_trials_without_test_values_are_compared_on_validation():
    runs = runs_of(("gan", 2), ("gan", 4), seeds=(0,))
    for run in runs:
        for name in [name for name in run.record.metrics if name.startswith("test")]:
            del run.record.metrics[name]
    text = markdown(side_by_side(runs))
    assert "No run has test values: these are of validation." in text
    assert "`fd_digits_n297` ↓" in text


@pytest.fixture
def filled(store_uri):
    """A store with five runs of the stored study, and their ids by family."""
    store = Store(store_uri)
    chosen = [r for r in stored_records() if r.params.get("model.depth") == "2" and r.finished]
    ids = stored(store, chosen)
    return store, {
        arm: [ids[r.run_id] for r in chosen if r.tags["family"] == arm] for arm in ("vae", "gan")
    }


def test_tracked_runs_are_found_by_the_beginnings_of_their_ids(filled, tmp_path):
    store, ids = filled
    first = next(i for i in ids["gan"] if store.record(i).tags["seed"] == "0")
    picture = tmp_path / "samples.png"
    picture.write_bytes(grid_png(np.zeros((2, 2, 8, 8), np.uint8), scale=1))
    store._client.log_artifact(first, str(picture), "pictures")
    said = []
    given = [run_id[:12] for arm in ("vae", "gan") for run_id in ids[arm]]
    table = compare_runs(given, out=tmp_path / "out", say=said.append)
    json.dumps(table, allow_nan=False)
    assert table["columns"] == {
        arm: sorted(ids[arm], key=lambda i: store.record(i).tags["seed"]) for arm in ("vae", "gan")
    }
    readme = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert said[0] in readme
    assert f"![samples of gan, seed 0](samples_{first}.png)" in readme
    assert (tmp_path / "out" / f"samples_{first}.png").read_bytes() == picture.read_bytes()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["nonesuch", "another"], "no run 'nonesuch' in 'sqlite:"),
        (["a", "a"], "takes two or more runs, got 1"),
        (["%", "_"], "no run '%' in"),
    ],
)
def test_runs_that_cannot_be_compared_are_told_in_a_sentence(store_uri, given, said):
    with pytest.raises(UsageError, match=said):
        compare_runs(given, out=None, say=print)


def test_beginning_of_several_ids_is_told_with_them(store_uri):
    store = Store(store_uri)
    experiment = store.experiment("e")
    ids = [str(store._client.create_run(experiment).info.run_id) for _ in range(17)]
    shared = next(c for c in "0123456789abcdef" if sum(i.startswith(c) for i in ids) > 1)
    with pytest.raises(UsageError, match=f"'{shared}' begins the ids of several runs"):
        store.record(shared)
    assert store.record(ids[0]).run_id == ids[0]
    store._client.delete_run(ids[0])
    with pytest.raises(UsageError, match="no run"):
        store.record(ids[0])
