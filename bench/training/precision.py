"""In which precision networks train: what a device has, and what ``auto`` comes to, decided once.

A decision is kept beside the runs it is for, so that a resume, an added seed or another process
takes the same one.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from bench.config import Precision, RunConfig, digest, in_precision
from bench.errors import Damaged, UsageError
from bench.evaluation.reference import ReferenceData
from bench.files import alone_in, made_folder, read_record, set_aside, write_record
from bench.records import StepLog
from bench.training.parts import build, reference_for, trainer_of
from bench.training.trainer import TrainingDiverged

UNITS = ("amx_bf16", "avx512_bf16", "sve_bf16", "bf16")
"""What multiplies bf16 in a processor, as torch calls it; the quicker ones first."""

GAIN = 0.9
"""Share of fp32's time that bf16 has to stay below: its rounding is not taken for nothing."""

ROUNDS, SECONDS, MOST = 5, 1.5, 500
"""Timings by turns after one that is not counted: at least so many, for so long, and at most."""

COMPARED: tuple[Precision, Precision] = ("fp32", "bf16")
KIND = "precision"


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What ``auto`` comes to.

    Attributes:
        precision: Of every run it is for.
        why: What was found, as a part of a sentence.
    """

    precision: Precision
    why: str

    def __str__(self) -> str:
        return f"precision auto comes to {self.precision}, decided once: {self.why}"


def bf16_unit(device: torch.device) -> str:
    """What multiplies bf16 there, such as ``amx_bf16``; empty where nothing does."""
    if device.type == "cuda":
        return "tensor cores" if torch.cuda.is_bf16_supported(including_emulation=False) else ""
    there = torch.cpu.get_capabilities()
    return next((unit for unit in UNITS if there.get(unit)), "")


def require_precision(precision: Precision, device: torch.device) -> None:
    """A device has it.

    Raises:
        UsageError: It has not.
    """
    if precision == "tf32" and device.type != "cuda":
        raise UsageError(
            f"train.precision=tf32 is of CUDA devices, and runs go to the {device.type}: take fp32, "
            "bf16 or auto"
        )
    if precision == "bf16" and not bf16_unit(device):
        raise UsageError(
            f"train.precision=bf16 is not in this {device.type}, which would only imitate it: go on "
            "where it is, or take fp32"
        )


def precision_tags(precision: Precision, device: torch.device) -> dict[str, str]:
    """What a run says of it; another unit adds up bf16 in another order."""
    unit = bf16_unit(device) if precision == "bf16" else ""
    return {"precision": precision, **({"bf16_unit": unit} if unit else {})}


def decided(path: Path, key: str, find: Callable[[], Decision], *, keep: bool = True) -> Decision:
    """What the file says; where there is none, what is found, which the file then says.

    Args:
        path: Of the decision.
        key: Whose it is.
        find: Asked by one process alone.
        keep: Whether it is written; without, nothing is.

    Raises:
        UsageError: Another process has been finding it for a long time.
    """
    if known := _kept(path, key):
        return known
    if not keep:
        return find()
    with alone_in(made_folder(path.parent)):
        if (known := _kept(path, key)) is None:
            known = find()
            write_record(path, asdict(known), kind=KIND, key=key)
    return known


def begun_in(precision: Precision) -> Decision:
    """What was decided before, as the runs say that were begun by it."""
    return Decision(precision=precision, why="so it was begun")


def decided_for_one(
    config: RunConfig, folder: Path, device: torch.device, require: Callable[[RunConfig], object]
) -> Decision:
    """For the runs that differ from one in their seed alone; all their folders lie in ``folder``.

    ``require`` refuses what cannot run before it is timed.
    """

    def find() -> Decision:
        begun = (p for p in COMPARED if (folder / in_precision(config, p).digest).exists())
        if known := next(map(begun_in, begun), None):
            return known
        require(in_precision(config, "fp32"))
        return decide([config], device)

    key = digest({**config.flat(), "train.seed": 0})
    return decided(folder / f"precision-{key}.json", key, find)


def decide(configs: Sequence[RunConfig], device: torch.device) -> Decision:
    """bf16 where the device has it and the steps of these runs, taken together, gain by it."""
    unit = bf16_unit(device)
    if not unit:
        return Decision(precision="fp32", why=f"this {device.type} has no bf16")
    each = [step_seconds(config, reference_for(config, device)) for config in configs]
    plain, rounded = (
        sum(s[p] * c.train.num_steps for s, c in zip(each, configs, strict=True)) for p in COMPARED
    )
    if not plain:
        return Decision(precision="fp32", why="nothing is trained")
    gains = rounded < GAIN * plain
    return Decision(
        precision="bf16" if gains else "fp32",
        why=f"a step in bf16 ({unit}) took {rounded / plain:.2f} of its time in fp32",
    )


def step_seconds(config: RunConfig, reference: ReferenceData) -> dict[Precision, float]:
    """Seconds of a few steps of a model in fp32 and in bf16: medians of many timings by turns.

    One that diverges at once is not timed: its bf16 takes forever. One without training takes none.
    """
    if not build(config, reference).phases:
        return dict.fromkeys(COMPARED, 0.0)
    trainers = {p: _many_logs(config, reference, p) for p in COMPARED}
    clock = _clock(reference.device)
    found: dict[Precision, list[float]] = {p: [] for p in COMPARED}
    try:
        while not _is_enough(found):
            for precision, logs in trainers.items():
                started = clock()
                next(logs)
                found[precision].append(clock() - started)
    except TrainingDiverged:
        return {"fp32": 1.0, "bf16": math.inf}
    plain, rounded = (found[p][1:] for p in COMPARED)
    # Each beside its neighbour in time: what else the machine does slows down both.
    ratio = statistics.median(b / a for a, b in zip(plain, rounded, strict=True))
    return {"fp32": statistics.median(plain), "bf16": ratio * statistics.median(plain)}


def _is_enough(found: dict[Precision, list[float]]) -> bool:
    done = min(map(len, found.values())) - 1
    spent = sum(map(sum, found.values()))
    return done >= MOST or (done >= ROUNDS and spent > SECONDS)


def _many_logs(
    config: RunConfig, reference: ReferenceData, precision: Precision
) -> Iterator[StepLog]:
    """More than are timed, each after as many steps as hold all phases twice."""
    trainable = build(config, reference)
    steps = 2 * max((phase.every for phase in trainable.phases), default=1)
    many = {
        "num_images": (1 + MOST) * steps * config.train.batch_size,
        "num_logs": 1 + MOST,
        "num_validations": 1,
        "precision": precision,
    }
    train = config.train.model_copy(update=many)
    return iter(trainer_of(trainable, config.model_copy(update={"train": train}), reference))


def _clock(device: torch.device) -> Callable[[], float]:
    """Processor seconds, which other work on the machine tells little of, where they are those of one."""
    alone = device.type == "cpu" and torch.get_num_threads() == 1
    return time.process_time if alone else time.perf_counter


def _kept(path: Path, key: str) -> Decision | None:
    try:
        found = read_record(path, kind=KIND, key=key)
        return None if found is None else Decision(**found)
    except (Damaged, TypeError) as damage:
        set_aside(path, damage)
        return None
