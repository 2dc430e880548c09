"""A run that others made: what of it counts still, and where the rest of it goes.

What was trained by something else is moved aside and trained anew; of what was only measured by
something else, the trained state is taken and measured again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bench.config import digest
from bench.errors import Damaged, cannot_use
from bench.files import alone_in, made_folder, set_aside
from bench.records import SUPERSEDED, TrialResult
from bench.training.checkpoint import LAST, RESULT, copy_states, load_result
from bench.training.identity import SETTINGS, MadeBy, Parts, differing, recorded


@dataclass(frozen=True, kw_only=True)
class Change:
    """What would make a run now and did not.

    Attributes:
        trained: Parts of its training, in words.
        measured: Parts of its measuring.
    """

    trained: tuple[str, ...] = ()
    measured: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.trained or self.measured)

    def __str__(self) -> str:
        what, parts = ("trained", self.trained) if self.trained else ("measured", self.measured)
        return f"{what} with other {', '.join(parts)}"


def change_of(folder: Path, now: MadeBy) -> Change:
    """What differs; nothing of a run that is not there, or of which nothing was recorded.

    One that has no values to measure again is as good as it was.
    """
    then = recorded(folder)
    if not then.trained:
        return Change()
    measured = differing(then.measured, now.measured) if then.measured else []
    return Change(trained=tuple(differing(then.trained, now.trained)), measured=tuple(measured))


def superseded_place(folder: Path) -> Path:
    """Where a run's folder goes when it no longer counts; it keeps its name, by which it is known."""
    places = (folder.parent / SUPERSEDED / str(n) / folder.name for n in range(1, 100_000))
    return next(place for place in places if not place.exists())


def retire(folder: Path, place: Path) -> None:
    """Moves a run's folder there.

    Raises:
        UsageError: Another process is at work in it.
        DiskTrouble: It cannot be moved.
    """
    made_folder(place.parent)
    with alone_in(folder):
        try:
            folder.rename(place)
        except OSError as error:
            raise cannot_use(folder, error) from error


def trained_states(folders: Iterable[Path]) -> dict[str, Path]:
    """Those of the folders that hold a whole trained state, by ``key_of`` what trained it."""
    found: dict[str, Path] = {}
    for folder in folders:
        result = load_result(folder) if (folder / LAST).exists() else None
        if result is not None and result.trained_by and has_state(result):
            found[key_of(result.trained_by)] = folder
    return found


def key_of(trained: Parts) -> str:
    """Of a state that is trained by these."""
    return digest(trained)


def has_state(result: TrialResult) -> bool:
    """Whether the last checkpoint of a run that ended so is the end of its training."""
    return result.status in {"ok", "collapsed"}


def keeps_validation(source: Path, now: MadeBy) -> bool:
    """Whether values of validation were measured as they would be now, under the names they have."""
    then = recorded(source).measured
    shared = (then.keys() & now.measured.keys()) - {SETTINGS}
    return bool(then) and all(then[part] == now.measured[part] for part in shared)


def take_state(source: Path, folder: Path) -> bool:
    """Copies the trained state of another folder, to be measured here; False where it is damaged."""
    made_folder(folder)
    try:
        copy_states(source, folder)
    except Damaged as damage:
        set_aside(source / LAST, damage)
        return False
    return True


def finished_at(folders: Iterable[Path]) -> str:
    """When the last result in these folders was written, as a user reads it; empty without any."""
    times = [path.stat().st_mtime for each in folders if (path := each / RESULT).exists()]
    return f"{datetime.fromtimestamp(max(times)):%Y-%m-%d %H:%M}" if times else ""  # noqa: DTZ006 - the user's own
