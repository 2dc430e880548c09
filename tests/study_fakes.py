"""Stand-ins with which a study of many runs takes no time: an engine, and a tracking store."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import optuna

from bench.engines import Outcome
from bench.engines.task import tell_result
from bench.errors import Interrupted, UsageError
from bench.records import RunRecord, TrialResult
from bench.tracking.delivery import deliver
from bench.training.checkpoint import load_result, save_result


class RememberedStore:
    """A tracking store in memory: what a driver asks of one, a hundred times as fast."""

    uri = "memory"

    def __init__(self):
        self.runs, self.facts, self.ids = {}, {}, itertools.count()
        self.claimed = False

    def experiment(self, name):
        return name

    def create_run(self, experiment_id, *, name, params, tags, at=None):
        run_id = f"{next(self.ids):04d}"
        self.runs[run_id] = RunRecord(
            run_id=run_id, params=dict(params), tags=dict(tags), metrics={}, finished=False
        )
        return run_id

    def is_active(self, run_id):
        return True if run_id in self.runs else None

    def runs_with(self, experiment_id, tag, text):
        return [run for run in self.runs.values() if run.tags.get(tag) == text]

    def records(self, experiment_id):
        return list(self.runs.values())

    def logger(self, run_id):
        return RememberedRun(self, run_id)

    def describe_experiment(self, experiment_id, tags):
        self.facts |= tags

    def experiment_tags(self, experiment_id):
        return self.facts

    @contextlib.contextmanager
    def claim(self, name, holder, *, what, when_lost):
        if self.claimed:
            raise UsageError(f"{what} is being run by {holder}: wait for it")
        self.claimed = True
        try:
            yield SimpleNamespace(lost="")
        finally:
            self.claimed = False

    def discard_runs(self, experiment_id):
        self.runs.clear()

    def delete_run(self, run_id):
        del self.runs[run_id]


class RememberedRun:
    """Writes to a run of a store in memory."""

    def __init__(self, store, run_id):
        self.store, self.run_id = store, run_id

    def tags(self, values):
        self._change(tags=values)

    def send(self, values, tags, *, params, pictures):
        metrics = {each.name: each.value for each in values}
        self._change(tags=tags, params=params, metrics=metrics)

    def _change(self, **added):
        run = self.store.runs[self.run_id]
        more = {kind: {**getattr(run, kind), **values} for kind, values in added.items()}
        self.store.runs[self.run_id] = replace(run, **more)

    def send_state(self, state, at):
        run = self.store.runs[self.run_id]
        self.store.runs[self.run_id] = replace(run, finished=state in {"FINISHED", "FAILED"})


class Silent:
    """Watches and says nothing."""

    def started(self, run):
        pass

    def ended(self, run, result):
        pass


class FakeEngine(Silent):
    """Ends its runs at once, with values made from their settings; it is its own observer.

    Args:
        store: Told as a worker tells it.
        slots: Runs at a time.
        die_after: Runs after which the driver is killed.
        lose: Labels of runs whose worker dies, once for each time they are in here.
        results: Label to how that run ends.
        values: Label to the value it ends with.
    """

    def __init__(self, store, *, slots=2, die_after=None, lose=(), results=None, values=None):
        self.store, self.slots, self.die_after = store, slots, die_after
        self.lose, self.results, self.values = Counter(lose), results or {}, values or {}
        self.queue, self.ran, self.trained, self.params, self.curves = [], [], [], {}, {}

    @property
    def free(self):
        return self.slots - len(self.queue)

    def submit(self, task, should_prune):
        self.queue.append((task, should_prune))

    def started(self, run):
        self.queue[-1] += (run.label,)

    def wait(self, timeout):
        if self.die_after is not None and len(self.ran) >= self.die_after:
            raise Interrupted("killed")
        task, should_prune, label = self.queue.pop(0)
        if self.lose[label]:
            self.lose[label] -= 1
            return [Outcome(task, None)]
        self.ran.append(label)
        self.params[label] = task.params
        return [Outcome(task, self.work(task, should_prune, label))]

    def work(self, task, should_prune, label):
        """As a worker does it: a result that lies in the folder is only told."""
        folder = Path(task.folder)
        result = load_result(folder)
        if result is None:
            self.trained.append(label)
            result = self.results.get(label) or self.train(task, should_prune, label)
        folder.mkdir(parents=True, exist_ok=True)
        if result.status != "failed":
            save_result(folder, result)
        tell_result(folder, task.about, result)
        deliver(folder, self.store)
        return result

    def train(self, task, should_prune, label):
        end = self.values.get(label, value_at(task.params) if task.stage == "trial" else 1.0)
        curve = [end + 30, end + 20, end + 10]
        for seen in range(1, 4 if task.stage == "trial" else 0):
            if should_prune(curve[:seen]):
                self.curves[label] = curve[:seen]
                return ending("pruned", curve[seen - 1])
        return ending("ok", end)

    def close(self):
        self.queue.clear()

    @property
    def trials(self):
        return [label for label in self.ran if "trial=" in label]


def value_at(params):
    """Lowest at a rate of 1e-2."""
    return 10 + abs(math.log10(float(params["model.lr"])) + 2)


def ending(status, value=None, reason=""):
    return TrialResult(status=status, reason=reason, primary="fd" if value else "", value=value)


def optuna_trials(storage):
    """Every trial that Optuna holds, of all its studies."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    names = [one.study_name for one in optuna.get_all_study_summaries(storage)]
    studies = [optuna.load_study(study_name=name, storage=storage) for name in names]
    return [trial for study in studies for trial in study.get_trials(deepcopy=False)]
