"""The report from synthetic records: what stands in it, and that it never changes."""

import csv
import dataclasses
import functools
import json
import math
import random
import re

import pytest
from synthetic_study import (
    BASELINES,
    IDENTITY,
    LEVEL,
    STUDY,
    TAGS,
    distance,
    lost,
    pictures,
    run_record,
    study_records,
    troubled_records,
)

from bench.errors import UsageError
from bench.plan.study import Arm, Study
from bench.plots import PLOTS
from bench.records import SEEDS, HealthWarning, RunRecord, TrialResult
from bench.report.latex import TABLES, latex
from bench.report.runs_csv import runs_table
from bench.report.short import summary_rows
from bench.report.writer import report_text, write_report
from bench.results.results import read_results
from bench.stats.tests import holm, t_interval, welch

VAL = "val/fd_digits_n297"


def no_pictures(run_id, name):
    return None


def text_of(records, study=STUDY):
    return report_text(read_results(study, IDENTITY, records, no_pictures))


@functools.cache
def plain_text():
    """The report of a study in which every run ended well."""
    return text_of(study_records())


def of_pictures(dataset):
    """The results of the study as if it had been of a user's own pictures."""
    identity = IDENTITY.model_copy(update={"dataset": dataset})
    records = [
        dataclasses.replace(each, params={**each.params, "data.dataset": dataset})
        for each in study_records()
    ]
    return read_results(STUDY, identity, records, no_pictures)


@pytest.mark.parametrize("place", ["/home/ann/cells", "~/ann/cells"])
def test_report_of_own_pictures_has_a_short_name_and_no_place_of_the_machine(place):
    results = of_pictures(f"folder,resize=32,skip:{place}")
    text = report_text(results)
    assert text.startswith("# depth_sweep on cells, 32 px (classroom tier)")
    assert "24,000 real images of cells, 32 px per run" in text
    written = text + latex(results)[TABLES]
    assert "ann" not in re.findall(r"\w+", written)
    assert "--dataset folder,resize=32,skip:cells" in text


def row_of(text, *cells):
    """The one table row that starts with these cells, as a list of cells."""
    start = "| " + " | ".join(cells) + " |"
    rows = [line for line in text.splitlines() if line.startswith(start)]
    assert len(rows) == 1, rows
    return [cell.strip() for cell in rows[0].strip("|").split("|")]


def section(text, heading):
    """From a heading to the next one of any level."""
    after = text.split(f"{heading}\n", 1)[1]
    return re.split(r"\n#+ ", after)[0]


def changed(record, **tags):
    return RunRecord(
        run_id=record.run_id,
        params=record.params,
        tags={**record.tags, **tags},
        metrics=record.metrics,
        histories=record.histories,
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp("report") / "depth_sweep"
    readme = write_report(STUDY, IDENTITY, troubled_records(), pictures(28, 2), out)
    assert readme == out / "README.md"
    return out


def files_of(folder):
    paths = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): p.read_bytes() for p in paths}


@pytest.mark.slow
def test_report_is_byte_identical_when_repeated_from_shuffled_records(written, tmp_path):
    records = troubled_records()
    random.Random(1).shuffle(records)
    write_report(STUDY, IDENTITY, records, pictures(28, 2), tmp_path)
    assert files_of(tmp_path) == files_of(written)


def test_every_link_leads_to_a_file_and_every_figure_is_linked(written):
    text = (written / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert {link for link in links if not (written / link).is_file()} == set()
    drawn = {f"figures/{p.name}" for p in (written / "figures").iterdir()}
    assert drawn <= set(links)
    assert len(drawn) == 18


def test_figures_of_45_runs_stay_below_two_megabytes(written):
    assert sum(p.stat().st_size for p in (written / "figures").iterdir()) < 2e6


def test_every_figure_has_alternative_text(written):
    text = (written / "README.md").read_text(encoding="utf-8")
    alts = re.findall(r"!\[([^]]*)\]\(figures/", text)
    assert len(alts) == 18
    assert all(len(alt) > 40 for alt in alts)


def test_report_never_shows_nan(written):
    for name in ("README.md", "runs.csv"):
        text = (written / name).read_text(encoding="utf-8")
        assert not re.search(r"\b(nan|NaN|inf|None)\b", text)


def test_runs_table_has_a_row_for_each_record(written):
    with (written / "runs.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 48
    assert {row["used"] for row in rows} == {"yes"}
    found = next(row for row in rows if row["run_id"] == "run_gan_3_1")
    assert float(found["test/fd_digits_n500"]) == distance("gan", 3, 1)
    assert found["model.depth"] == "3"
    statuses = [row["status"] for row in rows]
    assert [statuses.count(s) for s in ("diverged", "collapsed", "unfinished")] == [1, 1, 1]


def test_stale_figure_is_removed_when_there_is_nothing_to_draw(tmp_path):
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "sample_grids.png").write_bytes(b"old")
    baseline_only = [r for r in study_records() if r.tags["role"] == "baseline"]
    write_report(STUDY, IDENTITY, baseline_only, no_pictures, tmp_path)
    assert list((tmp_path / "figures").iterdir()) == []


def test_mean_and_interval_over_seeds_stand_in_the_family_table():
    table = section(plain_text(), "## Families at their chosen cell")
    interval = t_interval([distance("vae", 2, seed) for seed in range(3)], "log")
    expected = f"{interval.mean:.2f} [{interval.low:.2f}, {interval.high:.2f}]"
    assert row_of(table, "`vae`", "depth 2", "3")[3] == expected


def test_verdicts_are_welch_tests_with_holm_correction():
    values = {
        arm: [distance(arm, d, s) for s in range(3)]
        for arm, d in (("vae", 2), ("gan", 3), ("wgan", 2))
    }
    pairs = [("vae", "gan"), ("vae", "wgan"), ("gan", "wgan")]
    raw = [welch(values[a], values[b], "log") for a, b in pairs]
    text = section(plain_text(), "### Comparisons")
    for (a, b), difference, p in zip(pairs, raw, holm([d.p for d in raw]), strict=True):
        cells = row_of(text, f"`{a}` - `{b}`")
        ratio = math.exp(abs(difference.difference))
        assert re.search(rf"\b({ratio:.2f}|{1 / ratio:.2f}|{1 / ratio:.3f}) \[", cells[1])
        assert cells[3] == ("< 0.001" if p < 0.001 else f"{p:.3f}")


def test_winner_is_bold_only_when_it_is_lower_than_every_other():
    settled = [
        dataclasses.replace(r, histories={VAL: [(12_000, r.metrics[VAL])]})
        if VAL in r.metrics
        else r
        for r in study_records()
    ]
    clear = section(text_of(settled), "## Families at their chosen cell")
    assert [line.split("`")[1] for line in clear.splitlines() if "**" in line] == ["gan"]
    level = {"vae": 6.6, "gan": 6.5, "wgan": 6.5}
    close = text_of(study_records(level))
    assert "**" not in section(close, "## Families at their chosen cell")
    assert "not told apart at this number of seeds" in close


def test_difference_below_the_spread_of_the_floor_is_none():
    records = study_records({"vae": 9.5, "gan": 6.5, "wgan": 6.5})
    for record in records:
        arm, seed = record.tags["family"], int(record.tags["seed"])
        if arm in LEVEL:
            base = {"vae": 9.5, "gan": 6.5, "wgan": 6.6}[arm]
            record.metrics["test/fd_digits_n500"] = base + seed / 1_000
    text = text_of(records)
    assert "`gan` and `wgan` differ by 0.100, less than the floor's spread of 0.190" in text
    assert "**" not in section(text, "## Families at their chosen cell")


def test_elbo_is_not_applicable_to_models_without_a_likelihood():
    text = plain_text()
    table = section(text, "## Families at their chosen cell")
    column = next(i for i, c in enumerate(table.splitlines()[1].split("|")[1:]) if "elbo" in c)
    assert row_of(table, "`gan`")[column] == "n/a"
    assert row_of(table, "`vae`")[column].startswith("-25.1 [")
    assert "n/a: the model has no likelihood (gan, wgan, memoriser" in table
    assert "encoder" not in table  # active units have no column here: no reason is called for


def test_reason_of_every_column_of_families_is_said():
    records = [
        changed(r, not_applicable=json.dumps({r.tags["model"]: "unasked", "classes": "no classes"}))
        for r in study_records()
    ]
    table = section(text_of(records), "## Families at their chosen cell")
    assert "n/a: no classes (vae, gan, wgan" in table
    assert "unasked" not in table


def test_elbos_of_different_likelihoods_never_share_a_column():
    records = study_records()
    for record in records:
        if record.tags["family"] == "wgan":
            record.metrics["test/elbo_gaussian_sigma0.1"] = 50.0
    table = section(text_of(records), "## Families at their chosen cell")
    header = [cell.strip() for cell in table.splitlines()[1].strip("|").split("|")]
    columns = [i for i, cell in enumerate(header) if "elbo" in cell]
    assert len(columns) == 2
    assert [row_of(table, "`wgan`")[i].split(" ")[0] for i in columns] == ["n/a", "50.0"]
    assert [row_of(table, "`vae`")[i].split(" ")[0] for i in columns] == ["-25.1", "n/a"]


def test_diverged_run_is_counted_and_not_averaged():
    grid = section(text_of(troubled_records()), "## Every cell")
    cells = row_of(grid, "`wgan`", "depth 2", "2 ok, 1 diverged")
    mean = (distance("wgan", 2, 0) + distance("wgan", 2, 1)) / 2
    assert cells[4] == f"{mean:.2f} ‡§"
    assert "‡ mean without the runs that diverged or failed" in grid


def test_cell_that_lost_a_run_is_passed_over_in_the_choice():
    table = section(text_of(troubled_records()), "## Families at their chosen cell")
    assert row_of(table, "`wgan`")[1] == "depth 1"
    everywhere = [
        lost(r, "failed", "out of memory")
        if r.tags["family"] == "wgan" and r.tags["seed"] == "0"
        else r
        for r in study_records()
    ]
    table = section(text_of(everywhere), "## Families at their chosen cell")
    assert row_of(table, "`wgan`")[1] == "depth 2"


def test_collapsed_run_keeps_its_value_and_is_listed_with_its_reason():
    text = text_of(troubled_records())
    cells = row_of(section(text, "## Every cell"), "`gan`", "depth 5", "2 ok, 1 collapsed")
    mean = sum(distance("gan", 5, seed) for seed in range(3)) / 3
    assert cells[4].startswith(f"{mean:.1f} [")
    assert "the samples cover 2.1 classes" in section(
        text, "## Runs that did not end well, or not yet"
    )


def judged(records, **warned):
    """The same records with a health tag: ``ok``, or the warnings given by run id."""
    results = {
        r.run_id: TrialResult(status="ok", warnings=warned.get(r.run_id, [])) for r in records
    }
    return [
        r if r.tags["role"] == "baseline" else changed(r, health=results[r.run_id].tags()["health"])
        for r in records
    ]


STRONG = HealthWarning(
    kind="discriminator_strong", sentence="it tells 99% apart", turn="lower n_critic (20)"
)
STRONGER = dataclasses.replace(STRONG, sentence="it tells 100% apart")
SHORT = HealthWarning(kind="still_improving", sentence="it fell by 40%", turn="raise num_images")


def test_health_has_a_row_for_each_kind_of_warning_with_the_runs_of_each_cell():
    warned = {
        "run_gan_3_0": [STRONG, SHORT],
        "run_gan_3_2": [STRONGER],
        "run_gan_5_1": [STRONGER],
        "run_vae_1_1": [SHORT],
    }
    records = judged(study_records(), **warned)
    next(r for r in records if r.run_id == "run_gan_5_1").tags["status"] = "collapsed"
    text = section(text_of(records), "## Health")
    assert "41 of 45 runs have no warning." in text
    cells = "depth 3 (2 of 3), depth 5 (1 of 3)"
    strong = f"discriminator strong | 1 collapsed, 2 ok | {cells} | it tells 99% apart"
    short = "still improving | 1 ok | {} (1 of 3) | it fell by 40% | raise num_images |"
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert rows == [
        f"| `vae` | {short.format('depth 1')}",
        f"| `gan` | {strong} | lower n_critic (20) |",
        f"| `gan` | {short.format('depth 3')}",
    ]


def test_healthy_study_says_so_in_one_line():
    text = section(text_of(judged(study_records())), "## Health")
    assert text.strip() == "45 of 45 runs have no warning."


def test_runs_of_which_nobody_said_whether_they_are_healthy_are_counted():
    records = judged(study_records())
    assert "## Health" not in plain_text()
    older = [r for r in study_records() if r.run_id == "run_gan_3_1"]
    mixed = [r for r in records if r.run_id != "run_gan_3_1"] + older
    text = section(text_of(mixed), "## Health")
    assert text.strip() == "44 of 44 runs have no warning. 1 run not judged: failed, or older."


def test_every_runs_warnings_stand_in_the_table_of_runs():
    records = judged(study_records(), run_gan_3_0=[STRONG])
    text = runs_table(read_results(STUDY, IDENTITY, records, no_pictures))
    rows = {row["run_id"]: row["health"] for row in csv.DictReader(text.splitlines())}
    assert "99% apart" in rows["run_gan_3_0"]
    assert (rows["run_gan_3_1"], rows["run_memoriser"]) == ("ok", "")


def test_reads_of_the_test_split_are_one_sentence_that_names_who_read_more():
    once = section(plain_text(), "## Protocol")
    assert "The test split was read once per run; a later `bench eval` is a record" in once
    records = [
        changed(r, test_reads="3") if r.run_id in {"run_gan_3_1", "run_vae_2_0"} else r
        for r in study_records()
    ]
    more = section(text_of(records), "## Protocol")
    named = "more often: `run_vae_2_0` (3 times) and `run_gan_3_1` (3 times); a later"
    assert f"read once per run; {named}" in more
    everyone = [changed(r, test_reads="2") for r in study_records()]
    assert "(2 times) and 43 further runs; a later" in text_of(everyone)


def test_partly_finished_study_says_so():
    text = text_of(troubled_records())
    assert "> Partly finished: 47 of 48 runs have ended." in text
    assert "15 cells x 3 seeds + 3 baselines = 48; 48 found, 47 ended." in text
    assert "Partly finished" not in plain_text()


def test_runs_that_were_planned_and_have_not_begun_are_counted():
    records = study_records(seeds=(0, 1))
    running = [dataclasses.replace(r, finished=False) for r in records[:2]]
    some = [*running, *records[2:10]]

    def state(planned):
        results = read_results(STUDY, IDENTITY, some, pictures(), facts={SEEDS: planned})
        return report_text(results).split("\n\n")[1]

    ended = "> Partly finished: 8 of"
    # 15 cells of 3 seeds and 3 baselines, then 3 seeds of what each of 3 families chooses.
    assert (
        state("3,3") == f"{ended} 57 runs have ended, not begun: 47. The numbers below will change."
    )
    assert state("1,0").startswith(f"{ended} {15 * seen(some) + 3} runs have ended, not begun: ")
    assert "not begun" not in state("many")


def seen(records):
    return len({record.tags["seed"] for record in records if record.tags["role"] == "run"})


def test_two_seeds_give_a_marked_mean_without_an_interval():
    text = text_of(study_records(seeds=(0, 1)))
    table = section(text, "## Families at their chosen cell")
    mean = (distance("gan", 3, 0) + distance("gan", 3, 1)) / 2
    assert row_of(table, "`gan`", "depth 3", "2")[3] == f"{mean:.2f} §"
    assert "§ fewer than three seeds: no interval" in table
    assert "not compared, fewer than three seeds with a value" in text
    assert "over 2 seeds, too few for an interval" in text


def test_single_run_makes_a_report(tmp_path):
    readme = write_report(STUDY, IDENTITY, [run_record("gan", 2, 0)], pictures(), tmp_path)
    text = readme.read_text(encoding="utf-8")
    assert "of digits, `gan` (depth 2) is at a Frechet distance of" in text
    assert "> Partly finished: 1 of 18 runs have ended." in text


def test_report_without_any_finished_run_says_so():
    records = [
        RunRecord(
            run_id=r.run_id,
            params=r.params,
            tags={"family": r.tags["family"], "seed": "0"},
            metrics={},
            finished=False,
        )
        for r in study_records()[:2]
    ]
    text = text_of(records)
    assert "After 24,000 real images per run of digits, no run has a test distance yet" in text


def test_missing_gaussian_baseline_is_said_and_nothing_is_marked():
    records = [r for r in study_records() if r.tags["family"] != "pixel_gaussian"]
    text = text_of(records)
    assert "No value of `pixel_gaussian`: no family is held against it." in text
    assert "No run of `pixel_gaussian`." in text
    assert "†" not in text


def test_model_that_does_not_beat_the_gaussian_is_marked():
    text = text_of(study_records({**LEVEL, "wgan": 30.0}))
    table = section(text, "## Families at their chosen cell")
    assert "†" in row_of(table, "`wgan`")[3]
    assert "†" not in row_of(table, "`gan`")[3]
    assert "`vae` and `gan` beat the Gaussian fitted to the training images (22.1)." in text
    assert "`wgan` does not beat the Gaussian" in text


def with_distances(arm, values):
    """The records, with the test distances of an arm's runs at every depth in the order of seeds."""
    records = study_records()
    for record in records:
        if record.tags["family"] == arm:
            record.metrics["test/fd_digits_n500"] = values[int(record.tags["seed"])]
    return records


def test_family_with_runs_above_the_gaussian_is_not_said_to_beat_it():
    """The geometric mean of 5, 40 and 40 is 20.0, below 22.1."""
    text = text_of(with_distances("wgan", (5.0, 40.0, 40.0)))
    assert "`vae` and `gan` beat the Gaussian fitted to the training images (22.1)." in text
    assert (
        "Not shown to beat the Gaussian fitted to the training images (22.1): "
        "`wgan` (its mean is below, 2 of 3 runs are not)."
    ) in text
    assert (
        "In the whole grid 6 cells do not beat it, though the mean of 5 of them is below." in text
    )
    assert "†" in row_of(section(text, "## Families at their chosen cell"), "`wgan`")[3]


def test_interval_that_reaches_above_the_gaussian_shows_nothing_though_every_run_is_below():
    text = text_of(with_distances("wgan", (5.0, 20.0, 20.0)))
    assert "`wgan` (its mean and all 3 runs are below, its interval is not)." in text


def test_of_two_seeds_each_run_has_to_be_below_the_gaussian():
    def of_two(values):
        return text_of(
            [r for r in with_distances("wgan", (*values, 1.0)) if r.tags["seed"] in "01"]
        )

    assert "`vae`, `gan` and `wgan` beat the Gaussian" in of_two((5.0, 20.0))
    assert "`wgan` (its mean is below, 1 of 2 runs is not)." in of_two((5.0, 40.0))


def test_baselines_and_floors_stand_beside_the_families():
    text = plain_text()
    for name, value in BASELINES.items():
        shown = row_of(section(text, "## Families at their chosen cell"), f"`{name}`", "baseline")
        assert float(shown[3].split()[0]) == pytest.approx(value, rel=5e-3)  # three digits
    floors = section(text, "### Floors")
    assert "| `fd_digits_n500` | 0.900 | 0.190 |" in floors
    assert "| `fd_digits_n250` | 1.80 | 0.350 |" in floors


def test_runs_measured_with_another_detector_get_a_table_of_their_own():
    records = study_records()
    other = [changed(r, detector_digest="ffff") for r in records if r.tags["family"] == "wgan"]
    text = text_of([r for r in records if r.tags["family"] != "wgan"] + other)
    assert row_of(section(text, "## Every cell"), "`wgan`", "depth 2", "none")[4] == "–"
    apart = section(text, "## Cells measured differently")
    assert "Detector digest `ffff`" in apart
    assert row_of(apart, "`wgan`", "depth 2", "3 ok")[4] != "–"
    assert "share no column" in text


def test_run_that_fits_no_cell_is_kept_out_and_named():
    stray = run_record("gan", 3, 7)
    stray.params["model.depth"] = "9"
    twin = run_record("gan", 3, 0)
    twin = RunRecord(
        run_id="another",
        params=twin.params,
        tags={**twin.tags, "bench_version": "0.0.9"},
        metrics={**twin.metrics, "test/fd_digits_n500": 500.0},
    )
    text = text_of([*study_records(), stray, twin])
    assert "2 runs of this study fit no cell" in text
    assert "`0.0.9` (1 run), `0.1.0` (49 runs)" in text
    same = section(plain_text(), "## Every cell")
    assert section(text, "## Every cell") == same


def test_value_that_is_not_finite_is_left_out_and_named():
    records = study_records()
    next(r for r in records if r.run_id == "run_gan_3_0").metrics["test/legible"] = float("nan")
    text = text_of(records)
    assert "not finite and left out: test/legible" in text


def test_search_without_x_lists_cells_by_validation():
    study = Study(
        name="depth_sweep",
        question="Which depth?",
        arms=(Arm(name="gan", model="gan", factors={"depth": (1, 2, 3, 4, 5)}),),
        tiers=STUDY.tiers,
    )
    assert study.x is None
    records = [r for r in study_records() if r.tags["family"] == "gan"]
    grid = section(text_of(records, study), "## Every cell")
    order = [line.split("|")[2].strip() for line in grid.splitlines() if line.startswith("| `")]
    means = {f"depth {d}": sum(distance("gan", d, seed) for seed in range(3)) for d in range(1, 6)}
    assert order == sorted(means, key=means.__getitem__)


def test_provenance_has_command_digests_and_versions():
    text = section(plain_text(), "## Provenance")
    assert (
        "bench run --study depth_sweep --tier classroom --dataset digits --set width=16 --seeds 3"
        in text
    )
    for tag in ("git_commit", "data_digest", "detector_digest", "torch", "mlflow", "optuna"):
        assert f"`{TAGS[tag]}`" in text


def test_budgets_that_differ_between_families_are_said():
    records = study_records()
    for record in records:
        if record.tags["family"] == "vae":
            record.params["train.num_images"] = "32000"
    size = STUDY.tiers["classroom"].model_copy(
        update={"arms": {"vae": {"train.num_images": 32_000}}}
    )
    text = text_of(records, STUDY.model_copy(update={"tiers": {"classroom": size}}))
    assert "After 24,000 to 32,000 real images per run of digits" in text
    assert "differ between families, 32,000 (`vae`), 24,000 (`gan`), 24,000 (`wgan`)" in text
    assert "24,000 real images per run, the same for every family" in plain_text()


def test_notes_of_the_study_stand_under_the_protocol():
    assert "- On digits, depth beyond 1 adds layers" in section(plain_text(), "## Protocol")


def test_summary_has_the_chosen_cell_of_each_arm():
    rows = summary_rows(STUDY, IDENTITY, study_records())
    assert [(row["family"], row["cell"]) for row in rows] == [
        ("vae", "depth 2"),
        ("gan", "depth 3"),
        ("wgan", "depth 2"),
    ]
    assert set(rows[0]) == {"family", "cell", "runs", "val/fd_digits_n297", "test/fd_digits_n500"}


def test_no_records_are_a_usage_error_with_the_remedy(tmp_path):
    with pytest.raises(UsageError, match="has no runs to report: start it with bench run --study"):
        write_report(STUDY, IDENTITY, [], no_pictures, tmp_path)


def test_file_in_place_of_the_folder_is_a_usage_error(tmp_path):
    path = tmp_path / "taken"
    path.write_text("x", encoding="utf-8")
    with pytest.raises(UsageError, match="is a file: give a folder with --out"):
        write_report(STUDY, IDENTITY, study_records(), no_pictures, path)


def test_distance_of_few_images_for_its_features_is_marked():
    def text(dim):
        records = [
            dataclasses.replace(r, tags={**r.tags, "detector_dim": dim}) for r in study_records()
        ]
        return report_text(read_results(STUDY, IDENTITY, records, no_pictures))

    assert "fewer than 10 images per feature (d = 32), biased upwards" in text("32")
    assert "images per feature" not in text("8")


def test_a_report_on_the_kl_factor_says_what_its_elbo_cannot_be_read_as():
    remark = "favours that factor by construction"
    assert remark not in plain_text()
    study = Study(**{**STUDY.model_dump(), "factors": {"model.kl_weight": (1, 2, 3, 4, 5)}})
    records = study_records()
    for record in records:
        record.params["model.kl_weight"] = record.params.pop("model.depth", "1")
    assert text_of(records, study).count(remark) == 2  # in the answer and under every cell
    records = [
        dataclasses.replace(r, metrics={**r.metrics, **rate_of(r)}) if "vae" in r.run_id else r
        for r in records
    ]
    assert (
        "- `vae` (`bernoulli_resampled`): from kl_weight 1 to 5 the rate goes from 10.0 to 2.0 "
        "nats, the distortion from 81.0 to 85.0 nats, active units from 10.0 to 10.0."
    ) in text_of(records, study)


def rate_of(record):
    """A code of 10 nats, shared out among factors."""
    factor = float(record.params["model.kl_weight"])
    return {
        "test/kl_bernoulli_resampled": 10 / factor,
        "test/reconstruction_bernoulli_resampled": -80 - factor,
    }


def test_figures_of_pictures_that_are_gone_stay_for_the_same_runs_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("bench.report.writer.PLOTS", {"sample_grids": PLOTS.get("sample_grids")})
    records = [r for r in study_records() if r.params.get("model.depth", "1") == "1"]
    drawn = tmp_path / "figures" / "sample_grids.png"
    write_report(STUDY, IDENTITY, records, pictures(28, 2), tmp_path)
    before, text = drawn.read_bytes(), (tmp_path / "README.md").read_text(encoding="utf-8")
    write_report(STUDY, IDENTITY, records, no_pictures, tmp_path)
    assert drawn.read_bytes() == before
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == text
    write_report(STUDY, IDENTITY, records[1:], no_pictures, tmp_path)
    assert not drawn.exists()
    assert "sample_grids" not in (tmp_path / "README.md").read_text(encoding="utf-8")
