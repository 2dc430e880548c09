"""What the command line has: each command's file, its line of help and an example, in groups."""

from __future__ import annotations

from typing import NamedTuple


class Listed(NamedTuple):
    """A command as it is listed.

    Attributes:
        file: Under ``bench/cli``; it is imported when the command is called.
        text: Its line of help.
        example: A whole command line.
    """

    file: str
    text: str
    example: str


GROUPS: dict[str, dict[str, Listed]] = {
    "Make runs": {
        "run": Listed(
            "run",
            "Run a study; the same command continues where it stopped.",
            "bench run depth_sweep --dry-run",
        ),
        "train": Listed(
            "train",
            "Train one model, or repeat a tracked run bit by bit (CPU).",
            "bench train wgan --set depth=4 --set lr=3e-4",
        ),
        "eval": Listed(
            "evaluate",
            "Measure a finished run again, or images made elsewhere.",
            "bench eval --images pictures --dataset mnist",
        ),
    },
    "See what came out": {
        "report": Listed(
            "report",
            "Write the comparison report of a study from what MLflow holds.",
            "bench report depth_sweep",
        ),
        "compare": Listed(
            "compare",
            "Set runs side by side; those that differ in their seed alone are one column.",
            "bench compare 1f3a 90bc 77d0",
        ),
        "diff": Listed(
            "diff",
            "What differs between two runs: configuration, provenance, results.",
            "bench diff 1f3a 90bc",
        ),
        "log-model": Listed(
            "log_model",
            "Log the best of some runs as a model that MLflow lists, loads and registers.",
            "bench log-model --study depth_sweep --register digits",
        ),
        "sample": Listed(
            "sample",
            "Draw samples of a finished run: a grid, arrays or a folder.",
            "bench sample 1f3a -n 64 -o grid.png",
        ),
        "ui": Listed(
            "ui",
            "Serve what was logged and print the comparison page's address.",
            "bench ui --study depth_sweep",
        ),
        "replication": Listed(
            "replication",
            "Set published numbers beside ours, of every study that has any.",
            "bench replication iwae.zip ppca.zip",
        ),
        "verify": Listed(
            "verify",
            "Recompute every number of a report from the tracked runs; exit 1 where any differs.",
            "bench verify reports/depth_sweep",
        ),
    },
    "Pass runs on": {
        "bundle": Listed(
            "bundle",
            "Write the runs of a study as one file that others can verify.",
            "bench bundle depth_sweep",
        ),
        "merge": Listed(
            "merge",
            "Take runs that came as bundles into one store, each of them once.",
            "bench merge anna.zip ben.zip",
        ),
        "export": Listed(
            "export",
            "Write results and curves of runs as tables: CSV or parquet.",
            "bench export depth_sweep -o tables",
        ),
        "sync": Listed(
            "sync",
            "Send what a tracking store that was gone has not been told.",
            "bench sync",
        ),
    },
    "Test the measures": {
        "calibrate": Listed(
            "calibrate",
            "Measure how far the distances of a data set can be trusted, as a card.",
            "bench calibrate mnist",
        ),
        "exam": Listed(
            "exam",
            "Put the measures through sanity checks, on points or in a data set's features.",
            "bench exam gaussian",
        ),
        "detectors": Listed(
            "detectors",
            "Feature networks of the distances.",
            "bench detectors list",
        ),
    },
    "This machine": {
        "doctor": Listed(
            "doctor",
            "Look whether this machine has what runs need; the remedy where it has not.",
            "bench doctor",
        ),
    },
    "What there is, and your own": {
        "list": Listed(
            "list",
            "List what is registered, or the tracked runs, with one line each.",
            "bench list models",
        ),
        "show": Listed(
            "show",
            "Show a model's settings, ranges and source, or a study's plan.",
            "bench show vae",
        ),
        "data": Listed("data", "Install and check data sets.", "bench data list"),
        "init": Listed(
            "init",
            "Write a commented file to start from: a study, a model, a metric, a data set.",
            "bench init model my_model",
        ),
        "check": Listed(
            "check",
            "Test a model, metric or data set of yours; says in a sentence each what is broken.",
            "bench check my_model.py",
        ),
    },
}

COMMANDS: dict[str, Listed] = {
    name: listed for group in GROUPS.values() for name, listed in group.items()
}
