"""What a run leaves in its folder, each file sealed: the last state, the best, the result."""

from __future__ import annotations

import contextlib
import functools
import io
import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.errors import Damaged, cannot_use
from bench.files import (
    made_folder,
    read_record,
    read_sealed,
    remove_leftovers,
    require_file,
    set_aside,
    write_record,
    write_sealed,
)
from bench.records import TrialResult

if TYPE_CHECKING:
    import torch

    from bench.contracts import Nets
    from bench.training.trainer import Trainer

LAST, BEST, RESULT = "last.pt", "best.pt", "result.json"
TRACEBACK = "traceback.txt"
STOPPED = "checkpoint.json"
"""For people: how far a run was trained that was asked to stop; gone once it goes on."""
TEST_READS = "test_reads"

HELD = {LAST: {"trainer", "progress"}, BEST: {"modules"}}
"""What a state of each name has at least."""

State = Literal["new", "begun", "finished"]
"""How far a run has come: nothing to continue, something, or all of it."""


@dataclass(kw_only=True)
class Progress:
    """What a run remembers beside the trainer's state.

    Attributes:
        best: Lowest primary validation value so far.
        best_images: Images seen at that point; 0 before the first validation.
        train_seconds: Spent in training steps, over all starts.
        eval_seconds: Spent in evaluation, over all starts.
        processor_seconds: Of all threads in training steps; NaN where a part of them went uncounted.
        logs: Training scalars at each log, for the warnings at the end.
        curve: Primary value at each validation.
        trained_by: What trains it, part by part; empty in checkpoints of older versions.
        selected_by: What chose the best, measure and detector; likewise.
        validating: A stop broke off the validation that is due where the trainer stands.
        smaller: By how much pieces of evaluation had to be smaller (``bench.pieces``).
    """

    best: float = float("inf")
    best_images: int = 0
    train_seconds: float = 0.0
    eval_seconds: float = 0.0
    processor_seconds: float = math.nan
    logs: list[dict[str, float]] = field(default_factory=list)
    curve: list[float] = field(default_factory=list)
    trained_by: dict[str, str] = field(default_factory=dict)
    selected_by: str = ""
    validating: bool = False
    smaller: int = 1


def examine(folder: Path) -> State:
    """How far the run in a folder has come, by what is whole there, before anything is opened.

    What is damaged, another run's or no file is moved aside and said; what a writer that was killed
    left half-written is removed. A last state that counts on a best one is worth nothing without it.

    Raises:
        DiskTrouble: Something cannot be read or moved.
    """
    remove_leftovers(folder)
    require_file(folder / BEST)  # it is written before it is read where the run is new
    if load_result(folder) is not None:
        return "finished"
    state = _whole(folder / LAST)
    if state is None:
        return "new"
    if state["progress"].get("best_images") and _whole(folder / BEST) is None:
        set_aside(folder / LAST, f"is of no use without a whole {BEST}")
        return "new"
    return "begun"


def read_state(path: Path, device: torch.device) -> dict[str, Any] | None:
    """What a checkpoint holds, the last or the best; None where there is none.

    Raises:
        Damaged: It is not what was written.
    """
    content = read_sealed(path, kind=path.stem, key=_key(path.parent))
    if content is None:
        return None
    import torch

    try:
        state = torch.load(io.BytesIO(content), weights_only=True, map_location=device)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # of a file without a seal: each kind of garbage has its own
        raise Damaged(f"is no checkpoint ({type(error).__name__})") from error
    if not isinstance(state, dict) or not state.keys() >= HELD[path.name]:
        raise Damaged("is no checkpoint of a run")
    return state


def save_last(folder: Path, trainer: Trainer, progress: Progress) -> None:
    """Everything that ``resume`` needs to continue to the same bits."""
    _save(folder / LAST, {"trainer": trainer.state_dict(), "progress": vars(progress)})


def note_stop(folder: Path, images_seen: int, num_images: int) -> None:
    """Says beside the last state how far it is trained, which nobody sees from outside."""
    said = {"state": LAST, "images_seen": images_seen, "num_images": num_images}
    write_record(folder / STOPPED, said, kind="stop", key=_key(folder))


def resume(folder: Path, trainer: Trainer, device: torch.device) -> Progress:
    """Puts the trainer where the last checkpoint stands, if there is one.

    Raises:
        Damaged: It is not what was written.
    """
    (folder / STOPPED).unlink(missing_ok=True)
    if (state := read_state(folder / LAST, device)) is None:
        return Progress(processor_seconds=0.0)
    with _fitting():
        trainer.load_state_dict(state["trainer"])
        return Progress(**state["progress"])


def load_last(folder: Path, nets: Nets, device: torch.device) -> bool:
    """The weights of the last checkpoint, if there is one; averages for what they average.

    Raises:
        Damaged: It is not what was written.
    """
    if (state := read_state(folder / LAST, device)) is None:
        return False
    with _fitting():
        _load_weights(nets, state["trainer"]["modules"] | state["trainer"]["averages"])
    return True


def save_best(folder: Path, nets: Nets) -> None:
    """The weights that selection would take."""
    _save(folder / BEST, {"modules": {name: net.state_dict() for name, net in nets.items()}})


def load_best(folder: Path, nets: Nets, device: torch.device) -> None:
    """What ``save_best`` saved.

    Raises:
        Damaged: It is not what was written, or it is gone; the next start begins anew.
    """
    if (state := read_state(folder / BEST, device)) is None:
        raise Damaged(f"'{folder / BEST}' is gone")
    try:
        with _fitting():
            _load_weights(nets, state["modules"])
    except Damaged as damage:
        set_aside(folder / BEST, damage)
        raise


def save_result(folder: Path, result: TrialResult) -> None:
    """How the run ended; with it the run is finished."""
    write_record(folder / RESULT, result.to_json(), kind="result", key=_key(folder))


def load_result(folder: Path) -> TrialResult | None:
    """How the run ended; None where it has not, or what said so was damaged and is moved aside."""
    path = folder / RESULT
    try:
        is_now = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise cannot_use(path, error) from error
    return _result_in(folder, is_now.st_ino, is_now.st_size, is_now.st_mtime_ns)


@functools.lru_cache(maxsize=20_000)
def _result_in(folder: Path, *_is_now: int) -> TrialResult | None:
    """A study of thousands of runs asks for each of them again and again; another file is read anew."""
    path = folder / RESULT
    try:
        found = read_record(path, kind="result", key=_key(folder))
        return None if found is None else TrialResult.from_json(found)
    except Damaged as damage:
        set_aside(path, damage)
    except (TypeError, ValueError, AttributeError):
        set_aside(path, "is no result")
    return None


def copy_states(source: Path, folder: Path) -> None:
    """The checkpoints of a run, and how often it opened the test split, into another folder.

    The last one comes last: with it there is something to continue.

    Raises:
        Damaged: One is not what was written.
        DiskTrouble: It cannot be written.
    """
    for name in (TEST_READS, BEST, LAST):
        kind = Path(name).stem
        content = read_sealed(source / name, kind=kind, key=_key(source))
        if content is not None:
            write_sealed(folder / name, content, kind=kind, key=_key(folder))


def count_test_read(folder: Path, known: int) -> int:
    """The number of this opening of the test split; ``known`` is how many others know of."""
    before = _text(folder / TEST_READS, "[0-9]{1,9}")
    reads = 1 + max(known, int(before or 0))
    _write_text(folder / TEST_READS, str(reads))
    return reads


def require_folder(folder: Path) -> None:
    """Makes a run's folder; what is no folder, or a link to one, is moved aside.

    A link may lead anywhere, and nothing is written outside the root.

    Raises:
        DiskTrouble: It cannot be made.
    """
    if os.path.lexists(folder) and (folder.is_symlink() or not folder.is_dir()):
        set_aside(folder, "should be the folder of a run and is none")
    made_folder(folder)
    require_file(folder / ".lock")


def _text(path: Path, form: str) -> str | None:
    """A short text of that form; None where there is none, or what was there is moved aside."""
    try:
        content = read_sealed(path, kind=path.name, key=_key(path.parent))
        if content is None:
            return None
        text = content.decode(errors="replace").strip()
        if re.fullmatch(form, text) is None:
            raise Damaged("holds something else")
    except Damaged as damage:
        set_aside(path, damage)
        return None
    return text


def _write_text(path: Path, text: str) -> None:
    write_sealed(path, text.encode(), kind=path.name, key=_key(path.parent))


def _key(folder: Path) -> str:
    """Whose the files of a folder are: it is named after the configuration."""
    return folder.absolute().name


def _whole(path: Path) -> dict[str, Any] | None:
    """A state that can be used; None where there is none, or it was damaged and is moved aside."""
    import torch

    try:
        return read_state(path, torch.device("cpu"))
    except Damaged as damage:
        set_aside(path, damage)
        return None


def _save(path: Path, state: dict[str, Any]) -> None:
    import torch

    content = io.BytesIO()
    torch.save(state, content)
    write_sealed(path, content.getbuffer(), kind=path.stem, key=_key(path.parent))


@contextlib.contextmanager
def _fitting() -> Iterator[None]:
    """A state without a seal may be of another model.

    Raises:
        Damaged: It is.
    """
    import torch

    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise Damaged(f"does not fit the model of the run ({type(error).__name__})") from error


def _load_weights(nets: Nets, weights: dict[str, dict[str, Any]]) -> None:
    for name, module in nets.items():
        module.load_state_dict(weights[name])
