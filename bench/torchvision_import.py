"""The one place that imports torchvision, also beside a torch it was not built for."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.library import Library

_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
_library: Library | None = None  # a Library that is collected takes its schemas with it


def import_torchvision() -> ModuleType:
    """The module torchvision.

    The registry's torchvision is built for CUDA: beside a CPU build of torch its operators do not
    load and the import stops at ``operator torchvision::nms does not exist``. Only then are the
    two missing schemas defined and the import repeated; defined beforehand, they would collide
    with those of a torchvision that does load. Call this before whatever imports torchvision
    itself (torchmetrics, torch-fidelity).
    """
    global _library
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    import torch

    _library = torch.library.Library("torchvision", "FRAGMENT")
    for name, schema in _SCHEMAS.items():
        if not hasattr(torch.ops.torchvision, name):
            _library.define(schema)
    return importlib.import_module("torchvision")
