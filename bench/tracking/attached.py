"""A report with its figures among a study's runs in MLflow, where nobody counts it as one."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from bench.plan.study import Identity
from bench.tracking.mlflow import REPORT, Store

RUNS = "runs.csv"
FILES = ("README.md", "report.html", RUNS, "report.json")
FIGURES = "figures"
NAME = "report"
NOTE = "mlflow.note.content"
ANSWER = "bench.answer"


def attach_report(store: Store, experiment_id: str, folder: Path, *, answer: str) -> str:
    """Id of what holds the report under ``report/``: one for each experiment, which is written over.

    Its answer is what MLflow shows above the study's runs from then on.

    Args:
        store: Where the study's runs are.
        experiment_id: Of the study.
        folder: That was written.
        answer: Its answer and the question, markdown; of it the page shows the first line.
    """
    there = store.runs_with(experiment_id, REPORT, "yes")
    tags = {REPORT: "yes", "role": NAME, ANSWER: answer, NOTE: answer}
    if there:
        run_id = there[0].run_id
        store.logger(run_id).tags(tags)
    else:
        run_id = store.create_run(experiment_id, name=NAME, params={}, tags=tags)
    with tempfile.TemporaryDirectory() as copies:
        chosen = Path(copies) / NAME
        chosen.mkdir()
        for name in FILES:
            if (folder / name).is_file():
                shutil.copy(folder / name, chosen)
        if (folder / FIGURES).is_dir():
            shutil.copytree(folder / FIGURES, chosen / FIGURES)
        store.client.log_artifacts(run_id, str(copies))
    store.end_run(run_id, ok=True)
    told = store.experiment_tags(experiment_id)
    store.describe_experiment(experiment_id, note_of_report(store, experiment_id, told))
    return run_id


def note_of_report(store: Store, experiment_id: str, told: Mapping[str, str]) -> dict[str, str]:
    """What MLflow shows above a study's runs, as a tag: the answer of its report, and of which runs.

    Nothing where no report is attached. ``told`` are the other tags of the experiment.
    """
    there = store.runs_with(experiment_id, REPORT, "yes")
    if not there or not (answer := there[0].tags.get(ANSWER, "")):
        return {}
    run_id = there[0].run_id
    place = f"#/experiments/{experiment_id}/runs/{run_id}/artifacts"
    said = [answer, f"[Report, figures, runs.csv]({place})", f"`{told.get('bench.command', '')}`"]
    ended = [one for one in store.records(experiment_id) if one.about.status]
    reported = store.artifact(run_id, f"{NAME}/{RUNS}")
    if reported and (missing := sum(one.run_id.encode() not in reported for one in ended)):
        identity = Identity.model_validate_json(told["bench.identity"])
        # Where the page cuts the text after its first line, this is still seen.
        said[0] = f"*Without {missing} of {len(ended)} runs.* {answer}"
        said.append(f"`bench report {identity.flags()} --attach` answers by all of them.")
    return {NOTE: "\n\n".join(said)}
