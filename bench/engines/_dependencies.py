"""What a run needs of the machine that it runs on: data, weights, plugins; found there, or brought.

A machine finds them in its own data folder (``BENCH_DATA``); what lies there with another content is
never written over.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import UsageError
from bench.files import data_home, file_digest, install_lock, written_whole

if TYPE_CHECKING:
    from bench.engines.task import Task

SHARED_VARIABLES = (
    *("BENCH_DATA", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"),
    *("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_SERVER_CERT_PATH"),
)
"""Variables of the driver that a machine has too, where it does not set them itself."""


@dataclass(frozen=True, kw_only=True)
class NeededFile:
    """A file that a run needs.

    Attributes:
        name: Where it lies in the data folder.
        digest: SHA-256 of its content, in hex.
        source: Where it lies on the driver's machine.
        plugin: The plugin as the task names it; empty of data and weights.
    """

    name: str
    digest: str
    source: str
    plugin: str = ""


@dataclass(frozen=True, kw_only=True)
class Dependencies:
    """All that a run needs besides its task.

    Attributes:
        files: Files that are brought where they are missing.
        dataset: The name of its data set.
        images: The digest of its images where they are named by a path, which every machine must
            see; else empty.
    """

    files: tuple[NeededFile, ...]
    dataset: str = ""
    images: str = ""


def dependencies_of(task: Task) -> Dependencies:
    """What a task needs of this machine, on the one that it runs on."""
    from bench.config import listed
    from bench.datasets import installed_file, spec_of
    from bench.detectors._status import weights_files
    from bench.models import config_from_params

    config = config_from_params(task.params)
    dataset = config.data.dataset
    detectors = [config.eval.detector, *listed(config.eval.also)]
    found = [installed_file(dataset), *weights_files(detectors, dataset)]
    data = [_of_data(path) for path in dict.fromkeys(found) if path and path.is_file()]
    return Dependencies(
        files=(*data, *(_of_plugin(Path(path)) for path in task.plugins)),
        dataset=dataset,
        images=spec_of(dataset).digest if ":" in dataset else "",
    )


def with_dependencies(
    task: Task, needed: Dependencies, content: Callable[[NeededFile], bytes], host: str
) -> Task:
    """The task as it runs on this machine, once everything is here.

    Args:
        task: As the driver has it.
        needed: What it needs.
        content: Gives the bytes of a file.
        host: This machine, for the sentences.

    Raises:
        UsageError: Another file lies where one belongs, images are others or not here, or the data
            folder cannot be written.
    """
    plugins = []
    for file in needed.files:
        path = Path(file.plugin)
        if not (file.plugin and _has(path, file)):
            path = data_home() / file.name
            _fetch(path, file, content, host)
        plugins += [str(path)] if file.plugin else []
    _require_images(needed.dataset, needed.images, host)
    return replace(task, plugins=tuple(plugins))


def adopt_environment(environment: dict[str, str]) -> None:
    """Sets what the driver has and this process has not; a folder only where it is here."""
    for name, value in environment.items():
        if name != "BENCH_DATA" or Path(value).is_dir():
            os.environ.setdefault(name, value)


def shared_environment() -> dict[str, str]:
    """Those of ``SHARED_VARIABLES`` that the driver has; passwords among them."""
    return {name: os.environ[name] for name in SHARED_VARIABLES if os.environ.get(name)}


def _of_data(path: Path) -> NeededFile:
    name = path.relative_to(data_home()).as_posix()
    return NeededFile(name=name, digest=file_digest(path), source=str(path))


def _of_plugin(path: Path) -> NeededFile:
    digest = file_digest(path)
    name = f"plugins/{digest[:16]}/{path.name}"
    return NeededFile(name=name, digest=digest, source=str(path), plugin=str(path))


def _has(path: Path, file: NeededFile) -> bool:
    try:
        return file_digest(path) == file.digest
    except OSError:
        return False


def _fetch(path: Path, file: NeededFile, content: Callable[[NeededFile], bytes], host: str) -> None:
    """Once for all processes of a machine."""
    if _has(path, file):
        return
    named = hashlib.sha256(file.name.encode()).hexdigest()[:16]
    with install_lock(f"file-{named}"):
        if _has(path, file):
            return
        if path.exists():
            raise UsageError(
                f"'{path}' on {host} is another file than the driver's '{file.source}': move it "
                "away there, and it is copied"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as out:
            out.write(content(file))


def _require_images(name: str, digest: str, host: str) -> None:
    if not digest:
        return
    from bench.dataset_names import own_pictures
    from bench.datasets import spec_of

    own = own_pictures(name)
    assert own is not None  # they alone have a digest
    if not Path(own.path).expanduser().exists():
        raise UsageError(
            f"the images of {name} are not on {host}: put '{own.path}' where every node sees it"
        )
    if (there := spec_of(name).digest) != digest:
        raise UsageError(
            f"the {own.kind} '{own.path}' on {host} holds other images (digest {there}) than the "
            f"driver's ({digest}): put the same there"
        )
