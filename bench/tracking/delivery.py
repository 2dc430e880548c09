"""Journals sent to a store: while a run goes on, when it has ended, or later by another process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

from filelock import FileLock

from bench.records import CONFIRM, RunRecord, SplitInput
from bench.tracking.entries import (
    RUNNING,
    Cursor,
    Entry,
    Header,
    entries,
    header_of,
    is_told,
    read_picture,
)
from bench.tracking.journal import Journal
from bench.tracking.mlflow import Store
from bench.tracking.patience import PATIENCE_SECONDS, patiently, say, say_absent, say_back
from bench.tracking.run_logger import AT_ONCE, Shown, Value

JOURNAL_TAG = "bench.journal"
"""Tag of the run of MLflow that holds a journal: its id."""

LOCK = ".delivery.lock"
EVERY_SECONDS = 5.0
"""Between two requests of a run that goes on: each of them costs as much as many values."""
AT_THE_END_SECONDS = 2.0
"""How long a run that has ended waits for its journal to be sent; then it is sent behind its back."""
LONGEST_PAUSE_SECONDS = 15.0
PICTURE_COUNTS = 40
"""Values that take as long to send as a picture."""

PLACED = {"run", "baseline", "search", CONFIRM}
"""Roles of the runs of which a study has one in each place."""


class Sender(threading.Thread):
    """Sends the journal of a run while it goes on, and never keeps it waiting.

    Args:
        folder: Of the run.
        open_store: Gives the store, which may not be there yet.
        journal: Of the run.
    """

    def __init__(self, folder: Path, open_store: Callable[[], Store], journal: Journal) -> None:
        super().__init__(name=f"sender of {folder.name}", daemon=True)
        self._folder, self._open_store, self._journal = folder, open_store, journal
        self._ending, self._is_made = threading.Event(), threading.Event()

    def run(self) -> None:
        """Until the run has ended and either all is sent or the store does not answer."""
        delivery, patience, is_over = None, 1.0, False
        with FileLock(self._folder / LOCK):
            while not is_over:
                is_over = self._ending.is_set()
                try:
                    delivery = delivery or Delivery(
                        self._folder, self._open_store(), self._journal.header, self._journal.cursor
                    )
                    delivery.send()
                    self._is_made.set()
                except Exception as error:  # noqa: BLE001 - whatever it is, the run goes on
                    say_absent(error)
                    pause, patience = patience, min(2 * patience, LONGEST_PAUSE_SECONDS)
                else:
                    say_back()
                    pause, patience = EVERY_SECONDS, 1.0
                self._ending.wait(pause)

    def run_id(self) -> str:
        """The run of MLflow, waited for a moment; the journal's own id where the store is gone."""
        self._is_made.wait(AT_THE_END_SECONDS)
        return self._journal.cursor.run_id or self._journal.header.id

    def close(self) -> None:
        """The run has ended; what is not sent in a moment is sent behind its back, or later."""
        self._ending.set()
        self.join(AT_THE_END_SECONDS)


class Delivery:
    """One journal on its way to one store.

    Args:
        folder: Of the run.
        store: Where to.
        header: Of the journal.
        cursor: Of the journal.
    """

    def __init__(self, folder: Path, store: Store, header: Header, cursor: Cursor) -> None:
        self._folder, self._store, self._header, self._cursor = folder, store, header, cursor
        self._is_open, self._state = False, ""

    def send(self) -> None:
        """Sends what the store does not have; a run that was deleted there is made anew.

        Raises:
            Exception: Whatever the store or the way to it raises; the rest is kept.
        """
        if not self._is_open:
            self._open()
        try:
            self._send()
        except Exception:
            if self._store.is_active(self._cursor.run_id):
                raise
            self._open()
            self._send()

    def _open(self) -> None:
        """Finds or makes the run of MLflow that holds this journal as far as the cursor says."""
        known = self._cursor.run_id
        is_active = self._store.is_active(known) if known else None
        if is_active is False:
            say(f"run {known} was deleted in MLflow: all of it is sent again")
        if not is_active:
            experiment = self._experiment()
            found = self._found(experiment)
            self._state = "" if found else RUNNING  # as MLflow makes it
            self._cursor.tell(found or self._made(experiment), 0)
        self._is_open = True

    def _experiment(self) -> str:
        """Id of what holds the run, which says what is to be known of it as a whole."""
        experiment = self._store.experiment(self._header.about.experiment)
        facts = self._header.about.facts
        known = self._store.experiment_tags(experiment)
        new = {key: text for key, text in facts.items() if key not in known}
        self._store.describe_experiment(experiment, new)
        return experiment

    def _found(self, experiment: str) -> str:
        """The run that a process made before it could keep its id, or an older version; or none."""
        store, header = self._store, self._header
        for run_id in header.replaces:
            if store.is_active(run_id):
                store.delete_run(run_id)
        alike = self._alike(experiment)
        made = [each for each in alike if each.tags.get(JOURNAL_TAG) == header.id]
        is_placed = header.about.tags.get("role") in PLACED
        others = [
            each for each in alike if is_placed and each not in made and self._is_of_its_place(each)
        ]
        if not header.fresh:
            made += [each for each in others if JOURNAL_TAG not in each.tags]
        for each in others:
            if each not in made:
                store.delete_run(each.run_id)
        return made[0].run_id if made else ""

    def _alike(self, experiment: str) -> list[RunRecord]:
        """The runs of the study that were told of the same configuration; of one by itself, its own."""
        tags = self._header.about.tags
        if not tags.get("study_key"):
            return self._store.runs_with(experiment, JOURNAL_TAG, self._header.id)
        return self._store.runs_with(experiment, "config_digest", tags["config_digest"])

    def _is_of_its_place(self, other: RunRecord) -> bool:
        tags = self._header.about.tags
        is_there = "trial" not in tags or other.about.folder == tags["folder"]
        return is_there and other.about.role in PLACED

    def _made(self, experiment: str) -> str:
        about = self._header.about
        told_at_once = next(entries(self._folder, 0), None) is not None
        return self._store.create_run(
            experiment,
            name=about.name,
            params={} if told_at_once else about.params,  # which the first request has
            tags={**about.tags, **about.look, JOURNAL_TAG: self._header.id},
            at=self._header.at,
        )

    def _send(self) -> None:
        cursor = self._cursor
        logger = self._store.logger(cursor.run_id)
        for batch, end in _batches(entries(self._folder, cursor.told)):
            logger.send(
                [Value(n, v, e.step, e.at) for e in batch for n, v in e.metrics.items()],
                {key: text for each in batch for key, text in each.tags.items()},
                # Again: a process may have died between making the run and telling them.
                params={} if cursor.told else self._header.about.params,
                pictures=list(self._pictures(batch)),
            )
            if given := [SplitInput(**one) for each in batch for one in each.inputs]:
                logger.inputs(given)
            last = next((each for each in reversed(batch) if each.state), None)
            if last and last.state != self._state:
                logger.send_state(last.state, last.at)
                self._state = last.state
            cursor.tell(cursor.run_id, end)

    def _pictures(self, batch: Iterable[Entry]) -> Iterator[Shown]:
        for each in batch:
            if each.picture and (png := read_picture(self._folder, each.picture, each.step)):
                step = planned_step(each.step, self._header.about.params)
                yield Shown(each.picture, png, step, each.at)


def planned_step(step: int, params: Mapping[str, str]) -> int:
    """Where in the budget a validation was planned that came after so many images.

    Pictures stand there, since MLflow's page sets only those of one step side by side, and families
    that move by other numbers of batches see a few images more or less.
    """
    budget, parts = (
        int(params.get(f"train.{key}", 0)) for key in ("num_images", "num_validations")
    )
    if not budget or not parts or not step:
        return step
    return min(max(1, round(step * parts / budget)), parts) * budget // parts


def deliver(folder: Path, store: Store, *, wait: float = 0.0) -> None:
    """Sends what a store does not have of a run's journal.

    Raises:
        Exception: Whatever the store or the way to it raises, or that another process is at it.
    """
    with FileLock(folder / LOCK, timeout=wait):
        if header := header_of(folder):
            Delivery(folder, store, header, Cursor(folder, header.id)).send()


def deliver_all(folders: Iterable[Path], store: Store) -> None:
    """Sends what is left of these runs' journals, and waits a while for a store that is gone.

    Raises:
        Undelivered: It does not answer.
        DiskTrouble: It lies on a disk that takes nothing.
    """
    left = [folder for folder in folders if not is_told(folder)]
    for number, folder in enumerate(left):
        send = partial(deliver, folder, store, wait=PATIENCE_SECONDS)
        patiently(send, uri=store.uri, kept=kept_by(left[number:]))


def kept_by(left: list[Path]) -> str:
    """What a store was not told, and where it lies."""
    many = f"what {len(left)} runs" if len(left) > 1 else "what a run"
    return f"{many} told is kept in '{left[0].parent.parent}'"


def _batches(told: Iterator[tuple[Entry, int]]) -> Iterator[tuple[list[Entry], int]]:
    """Entries for one request, and the place behind them."""
    batch: list[Entry] = []
    end = count = 0
    for entry, end in told:
        batch.append(entry)
        count += len(entry.metrics) + len(entry.tags) + PICTURE_COUNTS * bool(entry.picture)
        if count >= AT_ONCE:
            yield batch, end
            batch, count = [], 0
    if batch:
        yield batch, end
