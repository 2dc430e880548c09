"""A trained model in a folder of its own: settings as JSON, weights as safetensors, plugins as code.

MLflow loads it by ``_load_pyfunc``, since the folder lies in a logged model whose loader this file is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from bench.config import RunConfig
from bench.contracts import Trainable
from bench.errors import UsageError
from bench.evaluation.sampling import sampled
from bench.evaluation.view import evaluation_mode
from bench.models import MODELS, config_from_params
from bench.modules import place
from bench.records import DataSpec
from bench.tensor_file import read_tensors, write_tensors
from bench.training.exported_plugins import distributions, load_written, write_plugins

SETTINGS, WEIGHTS = "settings.json", "weights.safetensors"
LOADER = __name__

REQUIREMENTS = (
    *("filelock", "mlflow", "numpy", "pillow", "pydantic", "safetensors", "scipy", "torch"),
    *("torchvision", "typer"),
)
"""What loading and sampling import, beside the package itself."""


def requirements(folder: Path) -> list[str]:
    """``REQUIREMENTS``, and what the plugins of a model import that ``write_exported`` wrote there."""
    return sorted({*REQUIREMENTS, *distributions(folder)})


class Columns(Protocol):
    """A table with a column of each name."""

    def __getitem__(self, name: str, /) -> Any: ...


def write_exported(folder: Path, config: RunConfig, spec: DataSpec, trainable: Trainable) -> None:
    """Writes a model as it is evaluated, so that ``ExportedModel`` makes the same samples.

    Raises:
        UsageError: It has no weights of its own, or is made of a plugin that is no file.
    """
    if not trainable.phases:
        raise UsageError(f"'{config.name}' trains nothing: give a run of a model that has weights")
    folder.mkdir(parents=True, exist_ok=True)
    plugins = write_plugins(config, folder)
    settings = {"params": config.params(), "data": asdict(spec), "plugins": plugins}
    (folder / SETTINGS).write_text(json.dumps(settings, indent=1), encoding="utf-8")
    weights = {
        f"{name}/{key}": tensor.cpu()
        for name, module in trainable.modules.items()
        for key, tensor in module.state_dict().items()
    }
    write_tensors(folder / WEIGHTS, weights, {})


class ExportedModel:
    """A model that ``write_exported`` wrote, on the CPU.

    Args:
        folder: Of it.
    """

    def __init__(self, folder: Path) -> None:
        settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        self.spec = _spec(settings["data"])
        load_written(folder, settings["plugins"])
        config = config_from_params(settings["params"])
        self.trainable = MODELS.get(config.name).build(config.model, self.spec)
        weights, _ = read_tensors(folder / WEIGHTS)
        for name, module in self.trainable.modules.items():
            start = f"{name}/"
            own = {k.removeprefix(start): v for k, v in weights.items() if k.startswith(start)}
            module.load_state_dict(own)
            place(module, torch.device("cpu"))
        evaluation_mode(self.trainable.modules)

    def predict(
        self,
        model_input: Columns,
        params: Mapping[str, Any] | None = None,  # noqa: ARG002 - MLflow gives it
    ) -> NDArray[Any]:
        """Samples, uint8 ``[N, C, H, W]``, of each row's ``n`` and ``seed``, one row after the other.

        They are those of ``bench sample RUN -n N --seed SEED`` on a CPU.
        """
        rows = zip(model_input["n"], model_input["seed"], strict=True)
        return np.concatenate([self._samples(int(n), int(seed)) for n, seed in rows])

    def _samples(self, n: int, seed: int) -> NDArray[Any]:
        images, _ = sampled(self.trainable, self.spec, torch.device("cpu"), n, seed=seed)
        return np.asarray(images.numpy())


def _spec(said: Mapping[str, Any]) -> DataSpec:
    """Tuples as JSON has them are lists."""
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in said.items()}
    return DataSpec(**values)


def _load_pyfunc(data_path: str) -> ExportedModel:
    """What MLflow calls."""
    return ExportedModel(Path(data_path))
