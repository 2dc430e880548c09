"""A report with its figures among a study's runs in MLflow, where nobody counts it as one."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from bench.tracking.mlflow import REPORT, Store

FILES = ("README.md", "report.html", "runs.csv", "report.json")
FIGURES = "figures"
NAME = "report"
NOTE = "mlflow.note.content"


def attach_report(store: Store, experiment_id: str, folder: Path, *, answer: str) -> str:
    """Id of what holds the report under ``report/``: one for each experiment, which is written over.

    Its answer is what MLflow shows above the study's runs from then on.

    Args:
        store: Where the study's runs are.
        experiment_id: Of the study.
        folder: That was written.
        answer: Its answer and the question, markdown.
    """
    client = store.client
    there = client.search_runs([experiment_id], filter_string=f"tags.`{REPORT}` = 'yes'")
    tags = {REPORT: "yes", "role": NAME, NOTE: answer}
    if there:
        run_id = str(there[0].info.run_id)
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
        client.log_artifacts(run_id, str(copies))
    store.end_run(run_id, ok=True)
    place = f"#/experiments/{experiment_id}/runs/{run_id}/artifacts"
    known = store.experiment_tags(experiment_id).get("bench.command", "")
    note = f"{answer}\n\n[Report, figures, runs.csv]({place})\n\n`{known}`"
    store.describe_experiment(experiment_id, {NOTE: note})
    return run_id
