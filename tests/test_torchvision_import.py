from __future__ import annotations

import importlib

from bench.torchvision_import import import_torchvision


def test_torchvision_imports_whole_beside_any_torch() -> None:
    import torch

    module = import_torchvision()
    assert import_torchvision() is module
    assert importlib.import_module("torchvision") is module
    assert importlib.import_module("torchvision.transforms.v2").Resize
    for name in ("nms", "roi_align"):
        built = module.extension._has_ops()
        assert hasattr(torch.ops.torchvision, name) == (built or name == "nms")
