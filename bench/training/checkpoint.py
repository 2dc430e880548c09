"""What a run leaves in its folder, each file whole or not at all: the last state, the best, the result."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from bench.contracts import Nets
from bench.files import written_whole
from bench.records import TrialResult
from bench.training.trainer import Trainer

LAST, BEST, RESULT = "last.pt", "best.pt", "result.json"


@dataclass(kw_only=True)
class Progress:
    """What a run remembers beside the trainer's state.

    Attributes:
        best: Lowest primary validation value so far.
        best_images: Images seen at that point; 0 before the first validation.
        train_seconds: Spent in training steps, over all starts.
        eval_seconds: Spent in evaluation, over all starts.
        logs: Training scalars at each log, for the warnings at the end.
        curve: Primary value at each validation.
    """

    best: float = float("inf")
    best_images: int = 0
    train_seconds: float = 0.0
    eval_seconds: float = 0.0
    logs: list[dict[str, float]] = field(default_factory=list)
    curve: list[float] = field(default_factory=list)


def save_last(folder: Path, trainer: Trainer, progress: Progress) -> None:
    """Everything that ``resume`` needs to continue to the same bits."""
    _save(folder / LAST, {"trainer": trainer.state_dict(), "progress": vars(progress)})


def resume(folder: Path, trainer: Trainer, device: torch.device) -> Progress:
    """Puts the trainer where the last checkpoint stands, if there is one."""
    if not (folder / LAST).exists():
        return Progress()
    state = _load(folder / LAST, device)
    trainer.load_state_dict(state["trainer"])
    return Progress(**state["progress"])


def load_last(folder: Path, nets: Nets, device: torch.device) -> None:
    """The weights of the last checkpoint, if there is one; averages for what they average."""
    if (folder / LAST).exists():
        state = _load(folder / LAST, device)["trainer"]
        _load_weights(nets, state["modules"] | state["averages"])


def save_best(folder: Path, nets: Nets) -> None:
    """The weights that selection would take."""
    _save(folder / BEST, {"modules": {name: net.state_dict() for name, net in nets.items()}})


def load_best(folder: Path, nets: Nets, device: torch.device) -> None:
    """What ``save_best`` saved."""
    _load_weights(nets, _load(folder / BEST, device)["modules"])


def save_result(folder: Path, result: TrialResult) -> None:
    """How the run ended; with it the run is finished."""
    with written_whole(folder / RESULT) as file:
        file.write(json.dumps(result.to_json(), indent=1, sort_keys=True).encode())


def load_result(folder: Path) -> TrialResult | None:
    """How the run ended; None where it has not."""
    path = folder / RESULT
    return TrialResult.from_json(json.loads(path.read_text())) if path.exists() else None


def _save(path: Path, state: dict[str, Any]) -> None:
    with written_whole(path) as file:
        torch.save(state, file)


def _load(path: Path, device: torch.device) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(path, weights_only=True, map_location=device)
    return state


def _load_weights(nets: Nets, weights: dict[str, dict[str, Any]]) -> None:
    for name, module in nets.items():
        module.load_state_dict(weights[name])
