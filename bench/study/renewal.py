"""Runs that something else made than what makes them now, and trained states to take instead."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.config import RunConfig
from bench.errors import UsageError
from bench.records import SUPERSEDED
from bench.tracking.delivery import deliver_all
from bench.tracking.entries import About
from bench.tracking.journal import inherit
from bench.tracking.mlflow import Store
from bench.training.checkpoint import LAST, RESULT, load_result
from bench.training.identity import Makers
from bench.training.renewal import (
    Change,
    change_of,
    finished_at,
    has_state,
    keeps_validation,
    key_of,
    retire,
    superseded_place,
    take_state,
    trained_states,
)
from bench.training.run import StageName

Say = Callable[[str], object]


@dataclass(frozen=True, kw_only=True)
class Place:
    """A run and where it lies, whether it was made or not.

    Attributes:
        label: Its short name.
        folder: Of its checkpoints and its result.
        config: What it does.
        about: What a store is told of it before it begins.
        stage: ``run``, or ``trial`` of a search.
    """

    label: str
    folder: Path
    config: RunConfig
    about: About
    stage: StageName = "run"

    @property
    def is_there(self) -> bool:
        """Whether it was ever begun."""
        return self.folder.is_dir()

    @property
    def is_new(self) -> bool:
        """Whether it has neither a result nor a state to continue."""
        return not (self.folder / LAST).exists() and not (self.folder / RESULT).exists()


Changed = tuple[Place, Change]
"""A run that was made by something else, and what differs."""


class Renewal:
    """What counts still of the runs under a root.

    Args:
        root: Holds their folders.
        store: Tracking.
        family: Names the folders whose trained states may be taken: ``depth_sweep-*``.
    """

    def __init__(self, root: Path, store: Store, family: str) -> None:
        self._root, self._store, self._family = root, store, family
        self._makers = Makers()

    def changed(self, places: Iterable[Place]) -> list[Changed]:
        """Those that were made, or begun, by something else; nothing is written."""
        there = {each.folder: each for each in places if each.is_there}.values()
        found = ((each, self._change(each)) for each in there)
        return [(each, change) for each, change in found if change]

    def retire(self, changed: Sequence[Changed], say: Say) -> None:
        """Moves them aside, in the store as well, and says what changed, in a line for each change."""
        for change in dict.fromkeys(change for _, change in changed):
            say(_said([place for place, each in changed if each == change], change))
        for place, _ in changed:
            goes = superseded_place(place.folder)
            now = {"role": SUPERSEDED, "folder": str(goes.relative_to(self._root))}
            experiment = self._store.experiment(place.about.experiment)
            deliver_all([place.folder], self._store)
            former = self._store.runs_with(experiment, "folder", place.about.tags["folder"])
            # First the folder: a run that a kill leaves between the two is made anew, not lost.
            retire(place.folder, goes)
            for record in former:
                self._store.logger(record.run_id).tags(now)

    def take(self, places: Iterable[Place], say: Say) -> None:
        """Gives runs that have nothing the trained state that was made for others, with its curves."""
        new = {each.folder: each for each in places if each.stage == "run" and each.is_new}
        states = trained_states(self._siblings()) if new else {}
        if taken := [each for each in new.values() if states and self._take(each, states)]:
            say(f"{_named(taken)}: trained before, the state is taken and measured again")

    def _change(self, place: Place) -> Change:
        """Nothing where only measures differ and a search chose by them, or there are no values."""
        try:
            now = self._makers.of(place.config)
        except UsageError:  # its data are gone: what is finished counts as it is
            if load_result(place.folder) is None:
                raise
            return Change()
        change = change_of(place.folder, now)
        if change.trained or not change:
            return change
        result = load_result(place.folder)
        counts = place.stage == "run" and result is not None and has_state(result)
        return change if counts else Change()

    def _take(self, place: Place, states: dict[str, Path]) -> bool:
        now = self._makers.of(place.config)
        source = states.get(key_of(now.trained))
        if source is None:
            return False
        place.folder.mkdir(parents=True, exist_ok=True)
        # The last state comes last: with it the run has begun.
        inherit(source, place.folder, place.about, validation=keeps_validation(source, now))
        return take_state(source, place.folder)

    def _siblings(self) -> Iterator[Path]:
        for pattern in (f"{SUPERSEDED}/*/*/{RESULT}", f"*/{RESULT}"):
            found = sorted(self._root.glob(f"{self._family}/{pattern}"))
            # A trial keeps no best state and may have been ended early.
            yield from (path.parent for path in found if not path.parent.name.startswith("trial"))


def unrecorded(folders: Iterable[Path]) -> int:
    """How many results are of versions that did not record what made them."""
    results = (load_result(folder) for folder in folders)
    return sum(result is not None and not result.trained_by for result in results)


def _said(places: Sequence[Place], change: Change) -> str:
    made = finished_at(place.folder for place in places)
    when = f"made until {made}" if made else "begun before"
    was = "was" if len(places) == 1 else "were"
    then = "trained anew" if change.trained else "measured again"
    kept = places[0].folder.parent / SUPERSEDED
    return f"{_named(places)}, {when}, {was} {change}: {then}, what was there is kept in '{kept}'"


def _named(places: Sequence[Place]) -> str:
    more = f" and {len(places) - 1} more" if len(places) > 1 else ""
    return f"{places[0].label}{more}"
