"""Device, threads, seeds and facts of the environment."""

from __future__ import annotations

import hashlib
import os
import platform
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor

import bench
from bench.errors import UsageError
from bench.memory import keep_freed_memory
from bench.registry import near
from bench.signals import stop_signals
from bench.text import shown

DEVICES = ("auto", "cpu", "cuda")


def resolve_device(name: str) -> torch.device:
    """``auto`` (CUDA where there is one), ``cpu`` or ``cuda``.

    Raises:
        UsageError: An unknown name, or ``cuda`` where there is none.
    """
    if name not in DEVICES:
        raise UsageError(f"unknown device {shown(name)}: {_meant(name)}expected auto, cpu or cuda")
    has_cuda = torch.cuda.is_available()
    if name == "cuda" and not has_cuda:
        raise UsageError("device 'cuda' is not there: use --device cpu")
    return torch.device("cuda" if has_cuda and name != "cpu" else "cpu")


def _meant(name: str) -> str:
    """The device that somebody may have meant; which GPU is chosen from outside."""
    kind, colon, number = name.lower().partition(":")
    guessed = near("cuda" if kind in {"gpu", "nvidia"} else kind, DEVICES)
    chosen = f" with CUDA_VISIBLE_DEVICES={number}" if colon and guessed == "'cuda'" else ""
    return f"did you mean {guessed}{chosen}? " if guessed else ""


def num_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def stream_seed(*purpose: object) -> int:
    """A seed that depends on the purpose alone: ``stream_seed("order", seed, epoch)``."""
    text = "/".join(map(str, purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")


def generator(*purpose: object, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator of its own for a purpose."""
    return torch.Generator(device).manual_seed(stream_seed(*purpose))


@contextmanager
def seeded_modules(seed: int) -> Iterator[None]:
    """Modules built inside get weights that depend on ``seed`` alone (protocol rule 5)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed("init", seed))
        yield


class DeviceRng:
    """Noise drawn from one generator and moved to a device where that is another one."""

    def __init__(self, rng: torch.Generator, device: torch.device | None = None) -> None:
        self.rng = rng
        self._device = device or rng.device

    def normal(self, *shape: int) -> Tensor:
        """Standard normal, float32."""
        return torch.randn(shape, generator=self.rng, device=self.rng.device).to(self._device)

    def uniform(self, *shape: int) -> Tensor:
        """Uniform in [0, 1), float32."""
        return torch.rand(shape, generator=self.rng, device=self.rng.device).to(self._device)

    def integers(self, high: int, *shape: int) -> Tensor:
        """Uniform in 0..high-1, int64."""
        drawn = torch.randint(high, shape, generator=self.rng, device=self.rng.device)
        return drawn.to(self._device)


def environment(device: torch.device) -> dict[str, str]:
    """Facts for the tags of a run: versions, commit, machine, and what decides its last bits."""
    repeats = device.type == "cpu" or torch.are_deterministic_algorithms_enabled()
    return {
        "bench_version": bench.__version__,
        "git_commit": git_commit(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": str(torch.get_num_threads()),
        "processor": platform.machine(),
        "device": device.type,
        "deterministic": str(repeats),
        **({"instructions": instructions()} if device.type == "cpu" else {}),
        **{name: version(name) for name in ("mlflow", "optuna", "numpy")},
    }


PAGE_FACTS = ("bench_version", "git_commit", "python", "torch", "numpy", "processor", "threads")


def page_facts(device: torch.device) -> dict[str, str]:
    """Those of them that a page of measurements says of itself, and the device."""
    known = environment(device)
    return {**{name.replace("_", " "): known[name] for name in PAGE_FACTS}, "device": device.type}


def instructions() -> str:
    """The processor's widest instructions that torch uses, such as AVX2: others round otherwise."""
    return torch.backends.cpu.get_cpu_capability()


CODE = ("bench", "studies")
"""What decides a number; other files of the checkout may change while a study runs."""


def git_commit() -> str:
    """Commit of the checkout that this package is imported from, ``-dirty`` if its code has changed."""
    commit = _git("rev-parse", "--short=12", "HEAD").strip()
    return f"{commit}-dirty" if commit and changed_files() else commit or "unknown"


def changed_files() -> list[str]:
    """Files of the code that are not as in the commit, new ones too; none where there is no checkout."""
    said = _git("status", "--porcelain", "-z", "--no-renames", "--", *CODE)
    return sorted(entry[3:] for entry in said.split("\0") if entry)


def provenance_warning(earlier: Iterable[str] = ()) -> str:
    """What is said before runs are made that a report could not tell one commit of; else empty.

    Args:
        earlier: The commits of the runs that they stand beside.
    """
    now, changed = git_commit(), changed_files()
    others = sorted({*earlier} - {now, ""})
    said = []
    if changed:
        named = ", ".join(changed[:_MOST_NAMED])
        more = f" and {len(changed) - _MOST_NAMED} more" if len(changed) > _MOST_NAMED else ""
        said.append(
            f"these runs are of code that no commit has ({named}{more}) and are recorded as {now}: "
            "commit first what a report is to be published of"
        )
    if others:
        said.append(
            f"runs that are there already are of {', '.join(others)}, what is left to run will be of "
            f"{now}: for a report of one commit, go back to that code or repeat all with --fresh"
        )
    return "; ".join(said)


_MOST_NAMED = 5


def _git(*words: str) -> str:
    """What git says of the checkout; nothing where there is none."""
    root = Path(__file__).parents[1]
    if not (root / ".git").exists():
        return ""
    command = ["git", "--no-optional-locks", *words]  # workers ask at the same time
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)  # noqa: S603 - fixed words
    return done.stdout


def prepare(threads: int = 1, *, deterministic: bool = False) -> None:
    """Sets compute threads, and flushes denormals, which cost small networks dearly on a CPU.

    Each number of threads sums in an order of its own: one is the number at which the same command
    gives the same bits wherever and beside whatever it runs. Freed memory stays with the process.

    Args:
        threads: Of this process.
        deterministic: Whether a GPU takes only algorithms that repeat to the last bit.
    """
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    keep_freed_memory()
    if deterministic:  # read when cuBLAS is used first
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # Not by ``use_deterministic_algorithms``, which imports torch's compiler first, for seconds.
    torch.set_deterministic_debug_mode("error" if deterministic else "default")
    torch.backends.cudnn.deterministic = deterministic
    torch.backends.cudnn.allow_tf32 = False  # fp32 is what it says, of convolutions too


@contextmanager
def stop_requests() -> Iterator[Callable[[], bool]]:
    """Inside, Ctrl-C, SIGTERM and SIGHUP only make the given function true; a second one interrupts.

    A third one ends the process as if nobody had caught it, whatever it is busy with.

    Outside the main thread, where signals cannot be caught, it stays false.
    """
    asked = False

    def ask(*_: object) -> None:
        nonlocal asked
        if asked:
            for number in before:
                signal.signal(number, signal.SIG_DFL)
            raise KeyboardInterrupt
        asked = True

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = {number: signal.signal(number, ask) for number in stop_signals()}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
