"""Where a run's time goes, beside what others take: one table and one figure, with the machine named.

python benchmarks/speed.py [--sections step,run] [--repeats 5] [--seconds 2] [-o benchmarks/results]

MNIST is read from BENCH_DATA; without it the digits stand in, and the table says so. Ratios are of
runs that took turns in one process; seconds are the processor's unless a wall is named. The load of
the machine before and after stands in the table. pythae is compared where the extra ``peers`` is
installed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import around
import torch
from loops import BARE, BF16, CONTESTANTS, FP32, PEER, PLAIN, SET_UP

from bench import datasets
from bench.errors import UsageError
from bench.runtime import git_commit, instructions, prepare

HERE = Path(__file__).parent
BATCH = {"train.batch_size": 128}
DEEP = {"model.depth": 3, **BATCH}
ROWS: dict[str, tuple[str, Mapping[str, object]]] = {
    "vae_mlp 784-400-20": ("vae_mlp", BATCH),
    **{
        f"{name}, width {width}": (name, {**DEEP, "model.width": width})
        for width in (16, 64)
        for name in ("vae", "gan", "wgan")
    },
}


@dataclass(frozen=True)
class Table:
    """Rows of numbers or texts under headings, and what is to be said of them."""

    title: str
    headings: tuple[str, ...]
    rows: list[tuple[str, ...]]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [self.headings, ("---",) * len(self.headings), *self.rows]
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return "\n\n".join([f"## {self.title}", table, *self.notes])


@dataclass(frozen=True)
class Asked:
    """What the command line wants.

    Attributes:
        repeats: Timed turns of each.
        seconds: About how long a turn takes.
        dataset: What is trained on.
        output: Folder of tables and figure.
        rows: Of the races: all that begin with one of these.
    """

    repeats: int
    seconds: float
    dataset: str
    output: Path
    rows: tuple[str, ...]


Found = dict[str, list[float]]
"""By contestant: images per second, turn by turn."""


class Runner:
    """A contestant of ``loops.py`` in its process; one that cannot take part is not ``there``."""

    def __init__(self, name: str, row: str, dataset: str, threads: int) -> None:
        model, settings = ROWS[row]
        given = json.dumps({**settings, "data.dataset": dataset})
        self._process = subprocess.Popen(  # noqa: S603 - our own
            [sys.executable, str(HERE / "loops.py"), name, model, given, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.there = bool(self.steps(10))

    def steps(self, count: int) -> list[float]:
        """Processor and wall seconds of so many steps; nothing where the process has ended."""
        assert self._process.stdin
        assert self._process.stdout
        with suppress(BrokenPipeError):
            self._process.stdin.write(f"{count}\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        return json.loads(line) if line else []

    def close(self) -> None:
        """Ends it."""
        self._process.communicate()


def races(asked: Asked, rows: Iterable[str], *, threads: int = 1) -> dict[str, Found]:
    """Every contestant's images per second in every row, by turns: of the processor on one thread."""
    found = {}
    for row in rows:
        names = [name for name in CONTESTANTS if name != PEER or row.startswith("vae")]
        runners = {name: Runner(name, row, asked.dataset, threads) for name in names}
        there = {name: runner for name, runner in runners.items() if runner.there}
        found[row] = race(there, asked, clock=0 if threads == 1 else 1)
        for runner in runners.values():
            runner.close()
        print(f"  {row}: {', '.join(f'{k} {_middle(v):,.0f}' for k, v in found[row].items())}")
    return found


def race(runners: dict[str, Runner], asked: Asked, clock: int) -> Found:
    """Images per second of each, in turns whose order is reversed each time."""
    counts = {name: _steps_for(runner, asked.seconds) for name, runner in runners.items()}
    found: Found = {name: [] for name in runners}
    for turn in range(asked.repeats):
        for name in list(runners)[:: -1 if turn % 2 else 1]:
            seconds = runners[name].steps(counts[name])[clock]
            found[name].append(counts[name] * BATCH["train.batch_size"] / seconds)
    return found


def _steps_for(runner: Runner, seconds: float) -> int:
    """A multiple of ten steps that takes about so long."""
    return max(1, round(seconds / runner.steps(10)[1])) * 10


def steps_table(found: dict[str, Found], title: str) -> Table:
    """Ratios of medians, with the lowest and highest ratio of a turn."""
    pairs = {
        "fp32 / plain": (FP32, PLAIN),
        "bf16 / plain": (BF16, PLAIN),
        "fp32 / bare": (FP32, BARE),
        "bf16 / bare": (BF16, BARE),
        "fp32 / bare, set up": (FP32, SET_UP),
        "bf16 / bare, set up": (BF16, SET_UP),
        "fp32 / pythae": (FP32, PEER),
    }
    rows = [
        (row, f"{_middle(of[FP32]):,.0f}", *(ratio(of, *pair) for pair in pairs.values()))
        for row, of in found.items()
    ]
    note = "Ratio of the medians; in brackets the lowest and the highest of one turn."
    return Table(title, ("row", "fp32, images/s", *pairs), rows, (note,))


def ratio(found: Found, ours: str, other: str) -> str:
    """Of the medians, with the lowest and the highest of one turn."""
    if other not in found:
        return "n/a"
    turns = [a / b for a, b in zip(found[ours], found[other], strict=True)]
    middle = _middle(found[ours]) / _middle(found[other])
    return f"{middle:.2f} ({min(turns):.2f} to {max(turns):.2f})"


def _middle(values: list[float]) -> float:
    return statistics.median(values)


def step(asked: Asked) -> list[Table]:
    """Training alone: processor seconds on one thread, then the wall on all cores."""
    found = races(asked, [row for row in ROWS if row.startswith(asked.rows)])
    draw(found, asked.output / "step.png")
    cores = around.num_cores()
    together = races(asked, list(found)[:1], threads=cores)
    return [
        steps_table(found, "The step: processor seconds, one thread"),
        steps_table(together, f"The step: wall clock, {cores} threads"),
        matmul(asked),
    ]


def matmul(asked: Asked) -> Table:
    """The machine's limit: one large product of matrices, one thread."""
    rows = []
    for kind in (torch.float32, torch.bfloat16):
        left, right = (torch.randn(2048, 2048).to(kind) for _ in range(2))
        _ = left @ right
        found = []
        for _ in range(asked.repeats):
            started = time.process_time()
            _ = left @ right
            found.append(2 * 2048**3 / (time.process_time() - started) / 1e9)
        spread = f"{min(found):,.0f} to {max(found):,.0f}"
        rows.append((str(kind).removeprefix("torch."), f"{_middle(found):,.0f}", spread))
    headings = ("2048 x 2048 by 2048 x 2048", "GFLOP/s", "range")
    return Table("What the machine can do, one thread", headings, rows)


def _rows_of(
    found: Iterable[Mapping[str, object]],
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    found = list(found)
    return tuple(found[0]), [tuple(map(_text, row.values())) for row in found]


def _text(value: object) -> str:
    return f"{value:,.3g}" if isinstance(value, float) else str(value)


def section(title: str, measure: Callable[[Asked], list[dict[str, object]]], *notes: str) -> Any:
    """A section that is one table."""
    return lambda asked: [Table(title, *_rows_of(measure(asked)), notes)]


SECTIONS: dict[str, Callable[[Asked], list[Table]]] = {
    "step": step,
    "run": section(
        "What a run pays beside training and measuring",
        lambda asked: around.overhead(asked.repeats),
        "Seconds of the wall from the end of a run to that of the next one of the same process, less "
        "training and evaluation: the median.",
    ),
    "evaluation": section(
        "Measures at the end of a run, by number of samples",
        lambda asked: around.evaluation(asked.dataset),
        "vae_mlp after 100 steps, validation and test; processor seconds in a new process with an "
        "empty cache, then in another that finds what the first one kept.",
    ),
    "jobs": section(
        "Workers",
        lambda asked: around.jobs(asked.repeats),
        "Runs per hour of one study, start-up of the command included.",
    ),
    "tracking": section(
        "MLflow with pictures, default cadence",
        lambda asked: around.tracking(asked.dataset),
        "Seconds of the wall inside calls that tell the store, beside those of training.",
    ),
    "size": section(
        "Images of the data set",
        lambda asked: around.sizes(asked.dataset, asked.repeats),
        "vae_mlp, images repeated; ratio of the cost per image to that of 60,000; peak memory of a "
        "process that trains on an npz of so many, beside the size of the images.",
    ),
    "start": section(
        "From the command to its answer",
        lambda asked: around.start(asked.repeats),
        "Seconds of the processor, second call.",
    ),
    "profile": section(
        "Where the time of a run goes",
        lambda asked: around.profiles(asked.dataset),
        "Share of the processor seconds of one run of 12,800 images in this process.",
    ),
}


def machine() -> list[str]:
    """What the numbers belong to."""
    names = [
        line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if "model name" in line
    ]
    amx = any("amx_bf16" in line for line in _lines("/proc/cpuinfo"))
    return [
        f"{names[0] if names else platform.machine()}, {around.num_cores()} cores, "
        f"{instructions()}{', AMX with bf16' if amx else ''}",
        f"torch {torch.__version__}, Python {platform.python_version()}, commit {git_commit()}",
    ]


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def load() -> str:
    """Processes that waited for a core over the last minute."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def draw(found: dict[str, Found], path: Path) -> None:
    """Bars of images per second, in multiples of the plain script."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    shown = [PLAIN, PEER, BARE, SET_UP, FP32, BF16]
    figure, axes = plt.subplots(figsize=(10, 4))
    for place, name in enumerate(shown):
        at = [i + (place - 2.5) * 0.14 for i, of in enumerate(found.values()) if name in of]
        high = [_middle(of[name]) / _middle(of[PLAIN]) for of in found.values() if name in of]
        axes.bar(at, high, width=0.13, label=name)
    axes.set_xticks(range(len(found)), [row.replace(", ", "\n") for row in found])
    axes.set_ylabel("images per processor second,\nin multiples of the plain script")
    axes.legend(ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.2), frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120, bbox_inches="tight")


def main() -> None:
    """Prints and writes the tables of the sections that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sections", default=",".join(SECTIONS), help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--repeats", type=int, default=5, help="timed turns of each")
    parser.add_argument("--seconds", type=float, default=2.0, help="of one turn, about")
    parser.add_argument("--rows", default="", help="of the step: those that begin so, as vae,gan")
    parser.add_argument("-o", "--output", type=Path, default=HERE / "results")
    given = parser.parse_args()
    prepare(threads=1)
    output = given.output.absolute()
    output.mkdir(parents=True, exist_ok=True)
    asked = Asked(given.repeats, given.seconds, available(), output, tuple(given.rows.split(",")))
    for name in given.sections.split(","):
        before = load()
        tables = SECTIONS[name](asked)
        head = [*machine(), f"load of the machine: {before} before, {load()} after"]
        parts = [f"# Speed: {name}", "  \n".join([*head, f"data: {asked.dataset}"])]
        text = "\n\n".join([*parts, *map(str, tables)])
        (output / f"{name}.md").write_text(text + "\n")
        print(text, flush=True)


def available() -> str:
    """``mnist``, or the digits where it is not installed."""
    try:
        datasets.load("mnist")
    except UsageError:
        return "digits"
    return "mnist"


if __name__ == "__main__":
    main()
