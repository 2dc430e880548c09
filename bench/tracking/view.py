"""How MLflow's page shows a study: a saved view, which MLflow keeps as a tag of the experiment.

The tag ``mlflow.sharedViewState.KEY`` holds a name, a time and the page's state, compressed; the page
opens it with ``viewStateShareKey=KEY``. Keys and values of the state are those of MLflow 3.17's page.
"""

from __future__ import annotations

import base64
import json
import re
import time
import zlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

from bench.palette import COLOURS
from bench.plan.study import Study
from bench.records import DISTANCE_SHOWN, RunRecord
from bench.tracking.bundle import VIEWS
from bench.tracking.mlflow import REPORT, Store, record_of
from bench.tracking.run_logger import Value

KEY = "bench"
NAME = "Families by distance"

COLOUR = "mlflow.runColor"

BASELINE = "baseline"
_STEP = re.compile(r"samples\+step\+(\d+)\+")
MOST_SEARCHED = 4
MOST_LOSSES = 6
"""Charts of losses: one for each name that a study's families have."""

_SECTIONS = ("Families", "Losses")
_HEIGHT = 250
"""Pixels of a chart: two rows of them stand on a screen of 768."""


def dress(store: Store, experiment_id: str, study: Study | None) -> int:
    """Gives a study its view, and older or merged runs what newer ones are told; how many runs lacked it.

    Args:
        store: Of the experiment.
        experiment_id: Of what is shown.
        study: What was planned; None of runs by themselves.
    """
    stored = [run for run in store.stored_runs(experiment_id) if REPORT not in run.tags]
    records = [record_of(run) for run in stored]
    lacking = 0
    for run, record in zip(stored, records, strict=True):
        colour = {
            k: v for k, v in colour_tag(study, record.about.family).items() if k not in run.tags
        }
        shown = record.about.result(record.metrics).shown if record.finished else {}
        new = {k: v for k, v in shown.items() if k not in run.metrics}
        if colour or new:
            lacking += 1
            step, at = int(record.metrics.get("cost/images_seen", 0)), int(time.time() * 1000)
            values = [Value(name, value, step, at) for name, value in new.items()]
            store.logger(run.run_id).send(values, colour)
    known = store.experiment_tags(experiment_id).get(VIEWS + KEY, "")
    tag = view_tag(study, records, step=_last_step(store, records))
    if _packed(known) != _packed(tag):
        store.describe_experiment(experiment_id, {VIEWS + KEY: tag})
    return lacking


def colour_tag(study: Study | None, family: str) -> dict[str, str]:
    """The tag that gives a run the colour that its family has in the report's figures."""
    names = [] if study is None else [*(arm.name for arm in study.arms), *study.baselines]
    if family not in names:
        return {}
    return {COLOUR: COLOURS[names.index(family) % len(COLOURS)]}


def view_tag(study: Study | None, records: Sequence[RunRecord], *, step: int = 0) -> str:
    """The text of the experiment's tag: a view of these runs, whose values say what can be shown.

    Args:
        study: What was planned; None of runs by themselves.
        records: The runs.
        step: Where the last samples stand.
    """
    state = json.dumps(_state(study, records, step), separators=(",", ":"))
    packed = base64.b64encode(zlib.compress(state.encode(), 9)).decode()
    now = int(time.time() * 1000)
    return json.dumps(
        {"name": NAME, "createdAt": now, "updatedAt": now, "state": f"deflate;{packed}"}
    )


def read_view(tag: str) -> dict[str, Any]:
    """The page's state that a tag holds."""
    packed = _packed(tag).removeprefix("deflate;")
    return dict(json.loads(zlib.decompress(base64.b64decode(packed))))


def view_page(experiment_id: str) -> str:
    """Address of the view, behind that of the server."""
    return (
        f"#/experiments/{experiment_id}/runs?compareRunsMode=CHART&workflowType=machine_learning"
        f"&viewStateShareKey={KEY}"
    )


def _packed(tag: str) -> str:
    """A view's compressed state; empty where there is none."""
    try:
        return str(json.loads(tag)["state"])
    except (ValueError, TypeError, KeyError):
        return ""


def _last_step(store: Store, records: Sequence[RunRecord]) -> int:
    """Where most families' last samples stand, by a run of each."""
    one_each = {r.about.family: r.run_id for r in records if r.finished and r.about.role == "run"}
    steps = Counter(
        max(found)
        for run_id in one_each.values()
        if (
            found := [
                int(m[1]) for name in store.artifacts(run_id, "images") if (m := _STEP.match(name))
            ]
        )
    )
    return max(steps, key=lambda step: (steps[step], step), default=0)


def _state(study: Study | None, records: Sequence[RunRecord], step: int) -> dict[str, Any]:
    """Charts in sections, the columns of the list, how runs are grouped.

    The list is grouped by family, charts are of single runs: only these have pictures and a colour.
    """
    names = {name.rpartition("/")[0] for one in records for name in one.metrics}
    return {
        # Baselines' pictures are of step 0: where they come first, the page forgets the samples' step.
        "searchFilter": "" if study is None else f"tags.role != '{BASELINE}'",
        "selectedColumns": _columns(study),
        "runsHiddenMode": "SHOW_ALL",
        "groupBy": {
            "aggregateFunction": "average",
            "groupByKeys": [{"mode": "tag", "groupByData": "family"}],
        },
        "useGroupedValuesInCharts": False,
        "hideEmptyCharts": True,
        "isAccordionReordered": True,  # else sections are sorted by name
        "compareRunCharts": _cards(study, records, step),
        "compareRunSections": [_section(name) for name in [*_SECTIONS, *sorted(names - {""})]],
        "orderByKey": f"metrics.`{DISTANCE_SHOWN}`",
        "orderByAsc": True,
    }


def _section(name: str) -> dict[str, Any]:
    """Ours are open; those of all other values, one for each beginning of a name, are closed."""
    return {
        "uuid": name,
        "name": name,
        "display": name in _SECTIONS,
        "isReordered": True,
        "deleted": False,
        "isGenerated": False,
        "columns": 3,
        "cardHeight": _HEIGHT,
    }


def _factors(study: Study | None) -> list[str]:
    if study is None:
        return []
    varied = [*study.factors, *(key for arm in study.arms for key in arm.factors)]
    return list(dict.fromkeys(varied))


def _columns(study: Study | None) -> list[str]:
    """What the list shows beside a run's name; of what a search varies the first few."""
    spaces = {} if study is None else study.spaces
    searched = dict.fromkeys(key for space in spaces.values() for key in space)
    keys = [*_factors(study), *list(searched)[:MOST_SEARCHED], "train.seed"]
    params = [f"params.`{key}`" for key in dict.fromkeys(keys)]
    return [f"metrics.`{DISTANCE_SHOWN}`", "tags.`status`", "tags.`family`", *params]


def _cards(study: Study | None, records: Sequence[RunRecord], step: int) -> list[dict[str, Any]]:
    first, second = _SECTIONS
    x = next(iter(_factors(study)), "model")
    cards = [_scatter(x, DISTANCE_SHOWN)]
    primary = Counter(one.about.primary for one in records if one.about.primary)
    cards += [_line(name, "validation distance") for name, _ in primary.most_common(1)]
    cards += [_samples(step)]
    losses = Counter(
        name
        for one in records
        for name in one.metrics
        if name.startswith("train/") and name.endswith("loss")
    )
    below = [
        _line(name, name.removeprefix("train/").replace("_", " "))
        for name, _ in losses.most_common(MOST_LOSSES)
    ]
    return [_in(first, card) for card in cards] + [_in(second, card) for card in below]


def _in(section: str, card: dict[str, Any]) -> dict[str, Any]:
    return {"deleted": False, "isGenerated": False, "metricSectionId": section, **card}


def _scatter(param: str, metric: str) -> dict[str, Any]:
    return {
        "uuid": f"{metric} by {param}",
        "type": "SCATTER",
        "runsCountToCompare": 100,
        "xaxis": {"key": param, "type": "PARAM"},
        "yaxis": {"key": metric, "type": "METRIC"},
        "displayName": f"{metric} by {param}",
    }


def _line(name: str, title: str) -> dict[str, Any]:
    return {
        "uuid": f"line {name}",
        "type": "LINE",
        "runsCountToCompare": 10,
        "metricKey": name,
        "selectedMetricKeys": [name],
        "displayName": title,
        "lineSmoothness": 0,
        "xAxisScaleType": "linear",
        "scaleType": "linear",
        "range": {},
        "xAxisKey": "step",
        "selectedXAxisMetricKey": "",
        "yAxisKey": "metric",
        "yAxisExpressions": [],
        "ignoreOutliers": False,
        "useGlobalXaxisKey": True,
        "useGlobalLineSmoothing": True,
    }


def _samples(step: int) -> dict[str, Any]:
    """Those of a step, which is where the slider begins."""
    return {
        "uuid": "samples",
        "type": "IMAGE",
        "runsCountToCompare": 10,
        "imageKeys": ["samples"],
        "displayName": "samples",
        "step": step,
        "showRunParams": False,
    }
