"""Tensors in one file with facts beside them, written whole or not at all."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from bench.files import written_whole


def write_tensors(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, str]) -> None:
    """Writes a safetensors file; a process that is killed leaves the one before it.

    Raises:
        OSError: The folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as file:
        # Not safetensors' own writing, whose files nobody else may read.
        file.write(_in_order(save({k: v.contiguous() for k, v in tensors.items()}, dict(facts))))


def _in_order(content: bytes) -> bytes:
    """The same file with its head in order, which safetensors shuffles in each process."""
    size = int.from_bytes(content[:8], "little")
    head = json.dumps(json.loads(content[8 : 8 + size]), sort_keys=True).encode()
    head += b" " * (-len(head) % 8)
    return len(head).to_bytes(8, "little") + head + content[8 + size :]


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a file, on the CPU, and the facts beside them.

    Raises:
        OSError: There is no such file, or it is no safetensors file or not a whole one.
    """
    with _opened(path) as file:
        names, facts = file.keys(), file.metadata()
        return {name: file.get_tensor(name) for name in names}, dict(facts or {})


def read_facts(path: Path) -> dict[str, str]:
    """The facts alone, without the tensors; raises as ``read_tensors`` does."""
    with _opened(path) as file:
        return dict(file.metadata() or {})


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    if path.exists() and not path.is_file():
        raise OSError(f"{path.name} is no file")  # a pipe would be waited for without end
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, RuntimeError) as error:  # torch's own where it vanished meanwhile
        raise OSError(f"{path.name} is not a whole safetensors file ({error})") from error
