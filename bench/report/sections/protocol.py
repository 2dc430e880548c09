"""What every number means, and how many runs stand behind them."""

from __future__ import annotations

from collections import Counter

from bench.dataset_names import own_pictures, to_publish
from bench.measures import COARSE, MeasureName, is_coarse
from bench.plan.space import FINALIST
from bench.report.sections import section
from bench.results.format import MISSING, code, count, join, plural, prose, table
from bench.results.present import former_said
from bench.results.results import Results
from bench.results.summary import completeness, tag_values

_MOST_NAMED = 5
FP32 = "fp32"


_ELBO = (
    "KL factor 1, summed over an image's values and over latents, mean over test images, in nats; "
    "its name carries the likelihood, and different names are not compared."
)
_SHARES = (
    "Share of samples among real images, and of real images among samples: within the "
    "distance of an image's fifth neighbour."
)
_LOST = (
    "Runs that diverged or failed have no value: they are counted, mark the mean, and a cell "
    "with one is chosen only if the family has no other. Collapsed runs have values and count."
)


@section("Protocol", after="Health")
def protocol(results: Results) -> str:
    """What every number means, and how many runs stand behind them."""
    rows = [
        ("splits", _splits(results)),
        ("data set", _data_set(results)),
        ("pictures", _pictures(results)),
        ("fresh seeds", _fresh(results)),
        ("budget", _budget(results)),
        ("precision", _precision(results)),
        ("distance", _distance(results)),
        ("ELBO", _ELBO),
        ("`precision`, `recall`", _SHARES),
        ("`copied`", _copied(results)),
        ("statistics", _statistics(results)),
        ("lost runs", _LOST),
        ("runs expected", _expected(results)),
        ("left out", _left_out(results)),
        ("measured otherwise", _measured_otherwise(results)),
        ("search", _search(results)),
    ]
    said = [row for row in rows if row[1]]
    notes = "\n".join(f"- {prose(note)}" for note in results.study.notes)
    return "\n\n".join(filter(None, [table(["what", "protocol"], said, left=2), notes]))


def _splits(results: Results) -> str:
    return (
        f"Validation chooses (each family's cell by its lowest mean "
        f"{code(results.selection_metric_name)}, and the best checkpoint); the sealed test split is opened after "
        f"training and scores both. {_test_reads(results)}"
    )


def _distance(results: Results) -> str:
    return (
        f"{code(results.test_metric_name)} between samples and as many images of the test split, "
        "lower is better. The last checkpoint is the headline, since it needs no choice."
        f"{_few_images(results)}"
    )


def _statistics(results: Results) -> str:
    """Intervals, tests, and what is bold; Holm's correction by protocol rule 21."""
    declared = results.study.comparisons
    tested = "the comparisons that the study declares" if declared else "all pairs of families"
    return (
        "Mean over seeds with 95 % Student t interval, from three seeds on: of a Frechet "
        "distance the geometric mean, its interval on a log scale; of a share the interval is "
        "on a logit scale; that of a count is cut where no count can lie. Families "
        f"by Welch's test (arms of one model seed by seed), Holm-corrected over {tested}. Only a family that is lower "
        "than every other by that test is bold, and none where all runs collapsed, no mean is below the "
        "fitted Gaussian's, or one was still learning: its validation distance fell by more than "
        "10 % over the last half of the budget."
    )


def _copied(results: Results) -> str:
    """What that column is, where a run has it."""
    if all(name.measure != "copied" for name in results.measured):
        return ""
    return (
        "Share of samples that are copies of training images: from how many are nearer to a training "
        "than to a held-out image, rescaled to 0 where that is chance and 1 where each sample is a "
        "training image. Shown is the lower end of each run's 95 % interval, its mean over runs."
    )


def _data_set(results: Results) -> str:
    """The whole name of a user's own pictures, which elsewhere have a short one."""
    name = results.identity.dataset
    return code(to_publish(name)) if own_pictures(name) else ""


def _pictures(results: Results) -> str:
    """What was done to a user's own pictures, which the digest of the data is of."""
    own = own_pictures(results.identity.dataset)
    return own.sentence if own else ""


def _search(results: Results) -> str:
    """How many trials looked for the best configurations, and what became of them."""
    counts = Counter(run.status for run in results.trials)
    arms = Counter(run.arm for run in results.trials if run.tags.sampler != FINALIST)
    each = ", ".join(f"{count(n)} ({code(arm)})" for arm, n in sorted(arms.items()))
    finalists = len(results.trials) - arms.total()
    each += f", and {plural(finalists, 'finalist')} on all images" if finalists else ""
    became = ", ".join(f"{count(n)} {prose(status)}" for status, n in sorted(counts.items()))
    again = "; the best of each family was trained again on fresh seeds" if results.arm_runs else ""
    said = f"{each}; {became}. Trials read validation only and stand in no table{again}."
    return f"Trials by family: {said}" if counts else ""


def _fresh(results: Results) -> str:
    """Whether what is said of a chosen cell is of runs that had no part in the choice."""
    chosen = [place for place in results.chosen_cells if len(results.cells_of(place.arm)) > 1]
    fresh = [place for place in chosen if any(run.is_confirming for run in place.runs)]
    others = [code(place.arm) for place in chosen if place not in fresh]
    if not fresh or results.study.search:
        return ""
    said = (
        f"{join([code(place.arm) for place in fresh])} at the chosen cell: runs on "
        f"{plural(max(len(place.runs) for place in fresh), 'fresh seed')}, which had no part in the "
        "choice; curves, trends and the table of every cell are of the seeds that chose."
    )
    return said + (f" Not yet so, and flattered by the choice: {join(others)}." if others else "")


def _test_reads(results: Results) -> str:
    """How often each run opened the test split, as one sentence (protocol rule 2)."""
    read = {run.record.run_id: run.tags.test_reads for run in results.runs if run.has_values}
    known = {run_id: reads for run_id, reads in read.items() if reads is not None}
    if not known:
        return "It has not been read yet."
    more = [f"{code(run_id)} ({reads} times)" for run_id, reads in known.items() if reads > 1]
    rest = len(more) - _MOST_NAMED
    named = [*more[:_MOST_NAMED], *([plural(rest, "further run")] if rest > 0 else [])]
    exceptions = f"; more often: {join(named)}" if more else ""
    return (
        f"The test split was read once per run{exceptions}; a later `bench eval` is a record of its "
        "own and raises its run's count."
    )


def _few_images(results: Results) -> str:
    """Protocol rule 11: fewer than ten images per feature is marked."""
    dims = [int(dim) for dim in tag_values(results.runs, "detector_dim")]
    names = {results.selection_metric_name, results.test_metric_name}
    few = sorted(
        code(name)
        for name in names
        if dims and is_coarse(MeasureName.parse(name).n or 0, max(dims))
    )
    if not few:
        return ""
    return (
        f" {join(few)}: fewer than {COARSE} images per feature (d = {max(dims)}), biased upwards."
    )


def _budget(results: Results) -> str:
    sizes = _per_family(results, "train.batch_size")
    images = {arm: count(float(n)) for arm, n in _per_family(results, "train.num_images").items()}
    if len(set(images.values())) == 1:
        said = f"{next(iter(images.values()))} real images per run, the same for every family"
    else:
        said = f"real images per run differ between families, {_named(images) or MISSING}"
    return f"{said[0].upper()}{said[1:]}; batch size {_named(sizes) or MISSING}."


def _precision(results: Results) -> str:
    """Nothing in a report of runs that were made before there was another than fp32."""
    runs = [run for group in results.groups for run in group.runs]
    if not any(run.record.tags.get("precision") or run.precision != FP32 for run in runs):
        return ""
    said = {
        arm: ", ".join(sorted({r.precision for p in results.cells_of(arm) for r in p.runs}))
        for arm in results.arms
        if any(p.runs for p in results.cells_of(arm))
    }
    return (
        f"Networks train in {_named(said) or MISSING}. Losses, likelihoods, statistics of normalisation, "
        "optimizers and every measurement are of fp32 or finer in any case; runs of two precisions "
        "stand in no mean together."
    )


def _per_family(results: Results, key: str) -> dict[str, str]:
    """A setting of each family that has runs; where its runs differ, the largest."""
    found = {
        arm: [v for p in results.cells_of(arm) for run in p.runs if (v := run.param(key))]
        for arm in results.arms
    }
    return {arm: max(values, key=float) for arm, values in found.items() if values}


def _named(values: dict[str, str]) -> str:
    """``64``, or ``32 (`vae`), 64 (`gan`)`` where families differ."""
    if len(set(values.values())) == 1:
        return prose(next(iter(values.values())))
    return ", ".join(f"{prose(value)} ({code(arm)})" for arm, value in values.items())


def _expected(results: Results) -> str:
    there = completeness(results)
    plan = (
        f"{plural(there.cells, 'cell')} x {plural(there.planned, 'seed')} + "
        f"{plural(there.baselines, 'baseline')} = {count(there.expected)}"
    )
    found = f"{count(there.found)} found, {count(there.ended)} ended"
    present = {place.arm for group in results.groups for place in group.cells if place.runs}
    missing = [code(name) for name in results.study.baselines if name not in present]
    lacking = f" No run of {join(missing)}." if missing else ""
    partly = "" if there.complete else " **The study is partly finished; its numbers will change.**"
    return f"{plan}; {found}.{lacking}{partly}"


def _left_out(results: Results) -> str:
    unplaced = [run for group in results.groups for run in group.unplaced_runs]
    former = {id(run) for run in results.former}
    runs = [run for run in unplaced if id(run) not in former]
    is_any = any(run.is_superseded and not run.tags.is_retired for run in runs)
    better = ", or are of a search that has found better since" if is_any else ""
    if any(run.is_confirming for run in runs):
        better += ", or are on fresh seeds of a cell that more seeds no longer choose"
    if any(run.tags.is_retired for run in runs):
        better += ", or were made with other data, code or measures than now"
    said = (
        f"{plural(len(runs), 'run')} of this study fit no cell of the study file as it is now, or "
        f"repeat a cell and seed{better}: in no table, in runs.csv with `used` = no."
    )
    others = former_said(results.former, results.arm_runs)
    return " ".join([*([prose(f"{others}.")] if others else []), *([said] if runs else [])])


def _measured_otherwise(results: Results) -> str:
    said = (
        "Runs that differ in detector, data or measure share no column: those of "
        f"{plural(len(results.elsewhere), 'other kind')} stand in tables of their own."
    )
    return said if results.elsewhere else ""
