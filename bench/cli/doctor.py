"""``bench doctor``: whether this machine has what runs need, and the remedy where it has not."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import bench
from bench.cli.options import Root, Say, Uri, columns, command, quiet
from bench.errors import UsageError
from bench.files import data_home
from bench.memory import memory_there, size_text
from bench.registry import in_a_line
from bench.text import without_password
from bench.tracking.address import database_path, store_uri

LEAST_ROOM = 2 * 10**9
"""Bytes below which a disk is said to be nearly full: a study's checkpoints need about as many."""

DISTRIBUTIONS = ("latentbench", "bench")
"""Names under which this package may be installed."""

NEEDED = ("numpy", "mlflow", "optuna", "pandas", "scipy", "matplotlib", "pydantic", "sqlalchemy")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What was looked at.

    Attributes:
        what: In a word or two.
        said: What was found.
        remedy: What to do; empty where nothing has to be done.
        ok: Whether runs can be made all the same.
    """

    what: str
    said: str
    remedy: str = ""
    ok: bool = True


Look = Callable[[Path, str | None], Iterator[Finding]]


@command("doctor", fails=lambda found: not found["ok"])
def doctor(
    *, root: Root = Path("runs"), tracking_uri: Uri = None, say: Say = quiet
) -> dict[str, Any]:
    """What was looked at, one row each; ``ok`` says whether runs can be made.

    Nothing is made or changed: no store, no folder, no data.
    """
    found: list[Finding] = []
    for look in LOOKS:
        name = look.__name__.strip("_").replace("_", " ")
        try:
            found += look(root, tracking_uri)
        except Exception as error:  # noqa: BLE001 - one look that fails must not hide the others
            found.append(
                Finding(what=name, said=in_a_line(error), remedy="see the message", ok=False)
            )
    for line in columns([("ok" if f.ok else "BROKEN", f.what, f.said) for f in found]):
        say(line)
    for one in found:
        if one.remedy:
            say(f"{one.what}: {one.remedy}")
    broken = [one.what for one in found if not one.ok]
    say(f"runs cannot be made here: {', '.join(broken)}" if broken else "runs can be made here")
    return {"ok": not broken, "found": [asdict(one) for one in found]}


def _installation(*_: object) -> Iterator[Finding]:
    from bench.runtime import git_commit

    commit = git_commit()
    home = Path(bench.__file__).parent
    where = f"{home}, commit {commit}" if commit != "unknown" else str(home)
    yield Finding(what="bench", said=f"{bench.__version__} in {where}")
    yield Finding(what="python", said=f"{platform.python_version()}, {sys.executable}")
    said = {name: _version(name) for name in NEEDED}
    gone = [name for name, number in said.items() if not number]
    yield Finding(
        what="packages",
        said=", ".join(f"{name} {number or 'missing'}" for name, number in said.items()),
        remedy=f"install bench again, which brings {', '.join(gone)}" if gone else "",
        ok=not gone,
    )
    extras = {name: _version(name) or "not installed" for name in ("ray", "psycopg")}
    yield Finding(what="extras", said=", ".join(f"{k} {v}" for k, v in extras.items()))


def _torch(*_: object) -> Iterator[Finding]:
    import torch

    for name in ("torch", "torchvision"):
        wanted, there = _range(name), _version(name)
        fits = not wanted or not there or _fits(there, wanted)
        yield Finding(
            what=name,
            said=(there or "missing") + (f" (wanted {wanted})" if wanted else ""),
            remedy="" if there and fits else f'pip install "{name}{wanted}"',
            ok=bool(there) and fits,
        )
    from bench.torchvision_import import import_torchvision

    try:
        import_torchvision()
    except (ImportError, RuntimeError) as error:
        yield Finding(
            what="torchvision",
            said=f"does not import beside torch {torch.__version__} ({in_a_line(error)})",
            remedy=f'pip install "torch{_range("torch")}" "torchvision{_range("torchvision")}" in one '
            "command, so that both are of one build",
            ok=False,
        )


def _processors(*_: object) -> Iterator[Finding]:
    import torch

    from bench.runtime import num_cores
    from bench.training.precision import bf16_unit

    cpu = torch.device("cpu")
    yield Finding(
        what="processor",
        said=f"{num_cores()} cores, {size_text(memory_there(cpu))} of memory free",
    )
    if torch.cuda.is_available():
        device = torch.device("cuda")
        name, number = torch.cuda.get_device_name(device), torch.cuda.device_count()
        yield Finding(what="gpu", said=f"{number} x {name}, {size_text(memory_there(device))} free")
    else:
        device = cpu
        yield Finding(what="gpu", said="none, runs go to the processor", remedy=_no_gpu())
    unit = bf16_unit(device)
    said = f"bf16 in {unit}" if unit else "fp32 alone"
    remedy = f"--set precision=auto takes bf16 on this {device.type} where it gains" if unit else ""
    yield Finding(what="precision", said=said, remedy=remedy)


def _no_gpu() -> str:
    import torch

    if shutil.which("nvidia-smi") is None:
        return ""
    if torch.version.cuda is None:
        return f"this machine has NVIDIA's driver, and torch {torch.__version__} is a build without CUDA: install torch's CUDA build"
    if (hidden := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return f"CUDA_VISIBLE_DEVICES is '{hidden}': unset it"
    return f"torch was built for CUDA {torch.version.cuda} and sees no GPU: update the driver"


def _disk(root: Path, _: object) -> Iterator[Finding]:
    places = {
        "folder of runs": (root.absolute(), "--root"),
        "data folder": (data_home(), "BENCH_DATA"),
    }
    for what, (place, option) in places.items():
        there = next(each for each in (place, *place.parents) if each.exists())
        free = shutil.disk_usage(there).free
        can_write = os.access(there, os.W_OK) and there.is_dir()
        remedy = "" if free >= LEAST_ROOM else "free some: a full disk interrupts a study"
        yield Finding(
            what=what,
            said=f"{place}, {size_text(free)} free" + ("" if can_write else ", cannot be written"),
            remedy=remedy if can_write else f"make it writable, or name another with {option}",
            ok=can_write,
        )


def _data(*_: object) -> Iterator[Finding]:
    from bench.datasets import status

    rows = status()
    there = [row.name for row in rows if row.installed]
    gone = [row.name for row in rows if not row.installed]
    yield Finding(
        what="data sets",
        said=f"installed: {', '.join(there)}",
        remedy=f"bench data fetch NAME installs {', '.join(gone)}" if gone else "",
    )
    from bench.detectors._status import status as detectors

    missing = {name: row.missing for name, row in detectors().items() if row.missing}
    known = [name for name in detectors() if name not in missing]
    yield Finding(
        what="detectors",
        said=f"here: {', '.join(known)}",
        remedy=f"bench detectors list says how to have {', '.join(missing)}" if missing else "",
    )


def _tracking(root: Path, uri: str | None) -> Iterator[Finding]:
    from bench.tracking.mlflow import Store

    try:
        address = store_uri(uri)
        path = database_path(address)
        if path is not None and not path.exists():
            yield Finding(what="tracking", said=f"no store yet: the first run makes '{path}'")
            return
        number = len([e for e in Store(uri).experiments() if e.name != "Default"])
    except UsageError as error:
        said, _, remedy = str(error).partition("): ")
        yield Finding(what="tracking", said=said, remedy=remedy or "give --tracking-uri", ok=False)
        return
    yield Finding(what="tracking", said=f"{without_password(address)}, {number} experiments")


def _locks(root: Path, _: object) -> Iterator[Finding]:
    """Studies and runs at work, by the locks that the system frees when their process ends."""
    from filelock import FileLock, Timeout

    held = []
    for lock in sorted([*root.glob("*/.driver.lock"), *root.glob("*/*/.lock")]):
        try:
            with FileLock(lock, timeout=0):
                pass
        except Timeout:
            held.append(str(lock.parent))
        except OSError as error:
            yield Finding(
                what="locks",
                said=f"'{lock}' cannot be used ({error.strerror})",
                remedy="it is another user's: have them remove it, or give another --root",
                ok=False,
            )
    yield Finding(
        what="locks",
        said=f"at work: {', '.join(held)}" if held else f"nothing is at work under '{root}'",
        remedy="wait for it, or stop it: one process works on a study at a time" if held else "",
    )


LOOKS: tuple[Look, ...] = (_installation, _torch, _processors, _disk, _data, _tracking, _locks)


def _version(name: str) -> str:
    """Empty where it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _range(name: str) -> str:
    """What this package's installation asks of another, such as ``>=2.11,<2.14``."""
    asked: list[str] = []
    for own in DISTRIBUTIONS:
        with contextlib.suppress(PackageNotFoundError):
            asked += requires(own) or []
    found = (re.fullmatch(rf"{name}([<>=][^;]*)", line) for line in asked)
    return next((each[1] for each in found if each), "")


def _fits(number: str, wanted: str) -> bool:
    """Whether ``2.13.0+cpu`` is in ``>=2.11,<2.14``."""
    bounds = re.findall(r"(>=|<)\s*([0-9.]+)", wanted)
    here = _parts(number)
    return all(here >= _parts(end) if sign == ">=" else here < _parts(end) for sign, end in bounds)


def _parts(number: str) -> tuple[int, ...]:
    found = re.match(r"[0-9]+(\.[0-9]+)*", number)
    return tuple(map(int, found[0].split("."))) if found else ()
