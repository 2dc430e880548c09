"""A study on a store: run by one driver at a time, and always from the folder that began it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from bench.errors import Interrupted, UsageError, cannot_use
from bench.files import require_file, written_whole
from bench.records import OWNER
from bench.study.plan import StudyPlan
from bench.study.storage import claim_place
from bench.study.tracked import TrackedStudy
from bench.tracking.claim import Claim
from bench.tracking.holder import this_process
from bench.tracking.mlflow import Store


@dataclass(frozen=True, kw_only=True)
class Owner:
    """A study's folder.

    Attributes:
        id: Kept in the folder, so that it stays the same where that is moved.
        user: Who began it.
        host: Its machine's name.
        folder: Where it lies.
    """

    id: str
    user: str
    host: str
    folder: str

    def is_same(self, other: Owner) -> bool:
        """Whether both are one folder, moved or with a lost id."""
        return self.id == other.id or (self.host, self.folder) == (other.host, other.folder)


@contextlib.contextmanager
def alone(tracked: TrackedStudy) -> Iterator[None]:
    """Keeps a second driver out, by claims on the store and on Optuna's, and a lock in the folder.

    Raises:
        UsageError: Another driver works on this study, or took it over from this one; or its runs
            belong to another folder.
    """
    plan = tracked.plan
    what = f"study '{plan.identity.key}'"
    claim = tracked.store.claim(
        plan.identity.key, this_process(plan.folder), what=what, when_lost=_interrupt
    )
    with claim as held, _locked(plan.folder, what), _claimed_storage(plan, what) as too:
        _own(tracked, what)
        try:
            yield
        except (Interrupted, KeyboardInterrupt):
            if lost := held.lost or (too and too.lost):
                raise UsageError(lost) from None
            raise


def other_owner(store: Store, experiment: str, folder: Path) -> Owner | None:
    """Whose the runs of an experiment are, where they are not those of a study's folder."""
    tags = next((e.tags for e in store.experiments() if e.name == experiment), {})
    owner = _read(tags.get(OWNER, ""))
    return None if owner is None or owner.is_same(_this_folder(folder)) else owner


def _interrupt() -> None:
    """As a user does it, whatever this process waits for; one in the background hears no Ctrl-C."""
    is_heard = callable(signal.getsignal(signal.SIGTERM))
    os.kill(os.getpid(), signal.SIGTERM if is_heard else signal.SIGINT)


@contextlib.contextmanager
def _locked(folder: Path, what: str) -> Iterator[None]:
    """For drivers with other stores; the system frees the lock of a dead one."""
    require_file(folder / ".driver.lock")
    try:
        lock = FileLock(folder / ".driver.lock", timeout=0).acquire()
    except Timeout:
        raise UsageError(
            f"{what} is being run by another process in '{folder.absolute()}', with another "
            "tracking store: wait for it, or stop it and run the same command again"
        ) from None
    except OSError as error:  # another user's
        raise cannot_use(folder / ".driver.lock", error) from error
    with lock:
        yield


@contextlib.contextmanager
def _claimed_storage(plan: StudyPlan, what: str) -> Iterator[Claim | None]:
    """For drivers that share Optuna's storage and nothing else; the folder's own is locked with it.

    Raises:
        UsageError: Another driver works on this study with that storage.
    """
    if not isinstance(plan.storage, str):
        yield None
        return
    place = claim_place(plan.storage, plan.identity.key)
    told = f"{what} in the storage '{plan.storage}'"
    with Claim(place, this_process(plan.folder), what=told, when_lost=_interrupt) as held:
        yield held


def _own(tracked: TrackedStudy, what: str) -> None:
    """Makes the experiment this folder's, unless runs of another one are in it.

    Raises:
        UsageError: They are.
    """
    told = tracked.store.experiment_tags(tracked.experiment_id).get(OWNER)
    owner, mine = _read(told or ""), _this_folder(tracked.plan.folder)
    if owner == mine:
        return
    if owner and not owner.is_same(mine) and any(r.about.folder for r in tracked.records()):
        raise UsageError(
            f"the runs of {what} in this store belong to {owner.user} on {owner.host}, in "
            f"'{owner.folder}': continue them there, or give another store with --tracking-uri"
        )
    tracked.describe({OWNER: json.dumps(asdict(mine))})


def _read(told: str) -> Owner | None:
    """None as well where somebody wrote something else into the tag."""
    try:
        return Owner(**json.loads(told))
    except (ValueError, TypeError):
        return None


def _this_folder(folder: Path) -> Owner:
    """Its id is made where there is none."""
    kept = folder / ".study"
    try:
        known = kept.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        known = ""
    if not known:
        known = uuid.uuid4().hex
        with written_whole(kept) as file:
            file.write(known.encode("ascii"))
    process = this_process(folder.resolve())
    return Owner(id=known, user=process.user, host=process.host, folder=process.folder)
