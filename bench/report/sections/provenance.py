"""Where a report's numbers come from: settings, commands, versions, digests and the runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bench.dataset_names import to_publish
from bench.report.sections import section
from bench.results.decisions import declared_looks
from bench.results.format import MISSING, code, count, plural, prose, table
from bench.results.results import Results, short
from bench.results.runs import UNFINISHED, RecordedRun
from bench.results.summary import RUN_PAGES, completeness, run_link
from bench.text import one_line

_VERSIONS = ("python", "torch", "numpy", "mlflow", "optuna")
_MOST_SEEDS = 10


@section("Provenance", after="Settings")
def provenance(results: Results) -> str:
    """The commands, what the numbers were made with, and where their runs are."""
    runs = [run for group in results.groups for run in (*group.runs, *group.unplaced_runs)]
    facts = [
        ("commit", _counted(runs, "git_commit")),
        ("bench", _counted(runs, "bench_version")),
        ("data digest", _counted(runs, "data_digest")),
        ("detector", _counted(runs, "detector")),
        ("detector digest", _counted(runs, "detector_digest")),
        ("likelihood", _counted(runs, "passport")),
        *((name, _counted(runs, name)) for name in _VERSIONS),
        ("device", _counted(runs, "device")),
        ("processor", _counted(runs, "processor")),
        ("instructions", _counted(runs, "instructions")),
        ("bf16 by", _counted(runs, "bf16_unit")),
        ("threads per run", _counted(runs, "threads")),
        ("repeats to the last bit", _counted(runs, "deterministic")),
        ("experiment in MLflow", code(results.identity.key)),
    ]
    rows = [[name, value] for name, value in facts if value]
    running = sum(run.status == UNFINISHED for run in runs)
    said = f" {plural(running, 'run')} had not finished when this was written." if running else ""
    unknown = sum(not run.tags.trained_by for run in runs)
    if 0 < unknown < len(runs):  # a report of older runs alone stays what it was
        said += f" Of {plural(unknown, 'run')} the identity is not recorded: an older version made them."
    lines = "\n".join(commands(results))
    return "\n\n".join(
        [
            f"```\n{lines}\n```",
            table(["what", "value"], rows, left=2),
            *_chosen_runs(results),
            "Every run with its id, configuration digest, parameters and last values is in "
            "[runs.csv](runs.csv); `bench verify` makes this report again from those runs, or from "
            f"`bundle.zip` where that lies beside it, and says what differs.{said}",
        ]
    )


def commands(results: Results) -> tuple[str, str]:
    """What runs what is reported here, and what reports it."""
    seeds, trials = completeness(results).seeds, results.trials
    # Of a search the seeds begin after the trials' own.
    number = max(seeds) + 1 if seeds and seeds[0] == 0 else len(seeds)
    flags, option = published_flags(results), f" --seeds {number}" if seeds else ""
    most = f" --trials {max(run.trial for run in trials) + 1}" if trials else ""
    each = max((run.seed for run in trials), default=0) + 1
    most += f" --seeds-per-trial {each}" if each > 1 else ""
    declared = declared_looks(results)
    grows = f" --until decided --max-seeds {declared[-1]}" if declared else ""
    return f"bench run {flags}{option}{most}{grows}", f"bench report {flags}{option}"


def published_flags(results: Results) -> str:
    """The options that name the study, without where on a machine its data are."""
    dataset = to_publish(results.identity.dataset)
    return one_line(results.identity.model_copy(update={"dataset": dataset}).flags())


def _chosen_runs(results: Results) -> list[str]:
    """The runs of each family's chosen cell and the baselines' as a table; none without any."""
    rows = []
    for place in [*results.chosen_cells, *results.baselines]:
        shown = [f"{run_link(results, run)} (seed {run.seed})" for run in place.runs[:_MOST_SEEDS]]
        if rest := len(place.runs) - len(shown):
            shown.append(f"{count(rest)} more in runs.csv")
        rows.append([code(place.arm), prose(results.label(place)) or MISSING, ", ".join(shown)])
    if not rows:
        return []
    where = (
        "Each links to its page in MLflow."
        if RUN_PAGES in results.facts
        else "`bench ui` opens MLflow, where each has its curves and pictures."
    )
    text = table(["family", "chosen", "runs in MLflow"], rows, left=3)
    return [f"{text}\n\n{where}"]


def _counted(runs: Sequence[RecordedRun], tag: str) -> str:
    """The tag's value; where runs differ, each value with its number of runs."""
    counts = Counter(value for run in runs if (value := run.record.tags.get(tag)))
    if len(counts) == 1:
        return code(next(iter(counts)))
    return ", ".join(f"{code(value)} ({plural(n, 'run')})" for value, n in sorted(counts.items()))


_SETTINGS = ("model.", "train.", "data.", "eval.")


@section("Settings", after="Protocol", level=3)
def settings(results: Results) -> str:
    """What the runs were trained with: shared settings first, then each family's own."""
    varied = {"train.seed", *results.study.factors}
    by_arm: dict[str, dict[str, str]] = {}
    for arm in results.study.arms:
        runs = [run for place in results.cells_of(arm.name) for run in place.runs]
        keys = sorted({k for run in runs for k in run.record.params if k.startswith(_SETTINGS)})
        shown = [k for k in keys if not {k, short(k)} & (varied | set(arm.factors))]
        if runs:
            by_arm[arm.name] = {k: _values(runs, k) for k in shown}
    shared = {
        key: value
        for key, value in next(iter(by_arm.values()), {}).items()
        if all(other.get(key) == value for other in by_arm.values())
    }
    lines = [f"- every family: {_listed(shared)}"] if shared else []
    for name, own in by_arm.items():
        rest = {key: value for key, value in own.items() if key not in shared}
        lines.append(
            f"- {code(name)}: {_listed(rest)}" if rest else f"- {code(name)}: nothing else"
        )
    return "\n".join(lines)


def _values(runs: Sequence[RecordedRun], key: str) -> str:
    """One value, or all of them where runs differ."""
    return " or ".join(sorted({to_publish(run.param(key) or MISSING) for run in runs}))


def _listed(values: dict[str, str]) -> str:
    return ", ".join(code(f"{key}={value}") for key, value in sorted(values.items()))
