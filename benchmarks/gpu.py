"""A GPU in under ten minutes: steps as graphs, seeds as one program, and the tests that need one.

python benchmarks/gpu.py [--repeats 3] [--seconds 1] [-o benchmarks/results]

Prints, and writes to gpu.md, images per second of the wall: a plain script and a bare step, our
steps one by one and as CUDA graphs; ten seeds of the digits' models as one program; the memory
that each takes; what the tests marked ``gpu`` say. ``--device cpu`` tries the script where there is
no such card: nothing is captured then, and no test is run.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import loops
import speed
import torch
from loops import Arena, Steps
from speed import Asked, Found, Table

from bench import datasets
from bench.detectors._find import find_detector
from bench.evaluation.reference import ReferenceData
from bench.models import configure
from bench.runtime import git_commit, prepare
from bench.training.capture import Steps as StepsInTurn
from bench.training.together import SeedsTrainer

MINUTES = 9.5
NUM_SEEDS = 10
PLAIN, BARE, EAGER, GRAPH = "plain script", "bare step", "ours, step by step", "ours, graphs"
AT_ONCE, AT_ONCE_GRAPH = f"{NUM_SEEDS} seeds at once", f"{NUM_SEEDS} seeds at once, graphs"


class Card:
    """Where it runs, and what a run of something takes of its memory."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def said(self) -> str:
        """What the numbers belong to."""
        versions = f"torch {torch.__version__}, commit {git_commit()}"
        if self.device.type == "cpu":
            return f"no GPU: the script is only tried; {versions}"
        card = torch.cuda.get_device_properties(self.device)
        return (
            f"{card.name}, {card.total_memory / 2**30:.0f} GiB, capability {card.major}.{card.minor}, "
            f"CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}, {versions}"
        )

    def done(self, steps: Steps) -> Steps:
        """The same, waited for."""
        return steps if self.device.type == "cpu" else lambda count: self._waited(steps, count)

    def peak(self, steps: Steps) -> float:
        """MiB at most while ten steps are done, of all that this process holds."""
        if self.device.type == "cpu":
            return float("nan")
        torch.cuda.reset_peak_memory_stats(self.device)
        self._waited(steps, 10)
        return torch.cuda.max_memory_allocated(self.device) / 2**20

    def _waited(self, steps: Steps, count: int) -> None:
        steps(count)
        torch.cuda.synchronize(self.device)


def arena_of(name: str, settings: Mapping[str, object], dataset: str, card: Card) -> Arena:
    """A model, with data on the card."""
    splits = datasets.load(dataset)
    reference = ReferenceData(splits, card.device, find_detector("auto", splits.spec))
    config = configure(name, settings, {"dataset": dataset})
    return Arena(config, reference, splits.train.images[:])


def at_once(arena: Arena, *, captured: bool) -> Steps:
    """Seeds of one configuration as one program."""
    program = SeedsTrainer([loops.trainer_of(arena, seed=seed) for seed in range(NUM_SEEDS)])
    if not captured:
        program.steps = StepsInTurn(None)
    return lambda count: program.train_members_to(program.steps_done + count)


def one_by_one(arena: Arena) -> dict[str, Callable[[], Steps]]:
    """Who trains a single run."""
    return {
        PLAIN: lambda: loops.plain_script(arena),
        BARE: lambda: loops.bare(arena),
        EAGER: lambda: loops.ours(arena, captured=False),
        GRAPH: lambda: loops.ours(arena),
    }


def together(arena: Arena) -> dict[str, Callable[[], Steps]]:
    """Who trains ten seeds, beside who trains one."""
    return {
        PLAIN: lambda: loops.plain_script(arena),
        GRAPH: lambda: loops.ours(arena),
        AT_ONCE: lambda: at_once(arena, captured=False),
        AT_ONCE_GRAPH: lambda: at_once(arena, captured=True),
    }


def raced(
    arena: Arena, makers: Mapping[str, Callable[[], Steps]], asked: Asked, card: Card
) -> tuple[Found, dict[str, float]]:
    """Images per second of all seeds together, turn by turn, and MiB that each takes."""
    runners, peaks = {}, {}
    for name, make in makers.items():
        before = torch.cuda.memory_allocated(card.device) if card.device.type == "cuda" else 0
        runners[name] = card.done(make())
        peaks[name] = card.peak(runners[name]) - before / 2**20
    found = race(runners, arena.config.train.batch_size, asked)
    for name in (AT_ONCE, AT_ONCE_GRAPH):
        found |= {name: [NUM_SEEDS * rate for rate in found[name]]} if name in found else {}
    return found, peaks


def race(runners: Mapping[str, Steps], batch_size: int, asked: Asked) -> Found:
    """Images per second of the wall, in turns whose order is reversed each time."""
    counts = {
        name: 10 * max(1, round(asked.seconds / _seconds(steps, 10)))
        for name, steps in runners.items()
    }
    found: Found = {name: [] for name in runners}
    for turn in range(asked.repeats):
        for name in list(runners)[:: -1 if turn % 2 else 1]:
            seconds = _seconds(runners[name], counts[name])
            found[name].append(counts[name] * batch_size / seconds)
    return found


def _seconds(steps: Steps, count: int) -> float:
    started = time.perf_counter()
    steps(count)
    return time.perf_counter() - started


def table(title: str, found: Mapping[str, tuple[Found, dict[str, float]]], note: str) -> Table:
    """Images per second, in multiples of the plain script, and memory."""
    names = list(next(iter(found.values()))[0])
    others = [name for name in names if name != PLAIN]
    headings = (
        "row",
        f"{PLAIN}, images/s",
        *(f"{name} / plain" for name in others),
        *(f"{name}, MiB" for name in others),
    )
    rows = [
        (
            row,
            f"{statistics.median(rates[PLAIN]):,.0f}",
            *(speed.ratio(rates, name, PLAIN) for name in others),
            *(f"{peaks[name]:,.0f}" for name in others),
        )
        for row, (rates, peaks) in found.items()
    ]
    return Table(title, headings, rows, (note,))


def steps_table(asked: Asked, card: Card) -> Table:
    """Steps of networks of depth 3 in batches of 128, one run at a time."""
    found = {}
    for row, (name, settings) in speed.ROWS.items():
        if row.startswith(asked.rows):
            arena = arena_of(name, settings, asked.dataset, card)
            found[row] = raced(arena, one_by_one(arena), asked, card)
    note = (
        "Wall clock; ratio of the medians, in brackets the lowest and the highest of one turn. "
        "Meant to be at least 5 with graphs for networks of depth 3."
    )
    return table(f"One run, batch 128, {asked.dataset}", found, note)


def seeds_tables(models: Sequence[str], asked: Asked, card: Card) -> list[Table]:
    """Ten seeds of the digits' models, and what that makes of a whole sweep."""
    found = {}
    for name in models:
        arena = arena_of(name, {"train.batch_size": 64}, "digits", card)
        found[name] = raced(arena, together(arena), asked, card)
    note = (
        "Images per second of all seeds together; a plain script trains them one by one. Meant to "
        "be at least 20 at once with graphs."
    )
    return [table(f"{NUM_SEEDS} seeds, batch 64, digits", found, note), sweep(found)]


def sweep(found: Mapping[str, tuple[Found, dict[str, float]]]) -> Table:
    """Minutes of training of a sweep at the speeds above: a calculation, no measurement."""
    each = 45 * 1_000_000 / len(found)
    rows = []
    for way in (PLAIN, GRAPH, AT_ONCE_GRAPH):
        seconds = sum(each / statistics.median(rates[way]) for rates, _ in found.values())
        rows.append((way, f"{seconds / 60:,.1f}"))
    note = (
        "Calculated from the speeds above, equal parts of the models, training alone; meant to be "
        "under 15 with seeds at once."
    )
    return Table("45 runs of 1,000,000 images", ("way", "minutes"), rows, (note,))


def tests(seconds: float) -> Table:
    """What the tests say that need a GPU."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider"]
    where = Path(__file__).parents[1]
    try:
        done = subprocess.run(  # noqa: S603 - fixed words
            command, cwd=where, capture_output=True, text=True, check=False, timeout=seconds
        )
        said = done.stdout.splitlines()
    except subprocess.TimeoutExpired:
        said = [f"not done after {seconds:.0f} seconds"]
    lines = [line for line in said if line.startswith(("FAILED", "ERROR"))] + said[-1:]
    return Table("Tests marked gpu", ("said",), [(line.replace("|", "/"),) for line in lines])


def main() -> None:
    """Prints and writes the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=3, help="timed turns of each")
    parser.add_argument("--seconds", type=float, default=1.0, help="of one turn, about")
    parser.add_argument(
        "--rows", default="", help="of single runs: those that begin so, as vae,gan"
    )
    parser.add_argument("--models", default="vae,gan,wgan", help="whose seeds train at once")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("-o", "--output", type=Path, default=speed.HERE / "results")
    given = parser.parse_args()
    if given.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("there is no CUDA device: --device cpu tries the script without one")
    started, card = time.monotonic(), Card(torch.device(given.device))
    prepare(threads=1)
    rows = tuple(given.rows.split(","))
    asked = Asked(given.repeats, given.seconds, speed.available(), given.output.absolute(), rows)
    asked.output.mkdir(parents=True, exist_ok=True)
    with (asked.output / "gpu.md").open("w") as file:

        def tell(*parts: object) -> None:
            for part in parts:
                print(part, end="\n\n", flush=True)
                print(part, end="\n\n", flush=True, file=file)

        tell(
            "# Speed: gpu",
            card.said(),
            steps_table(asked, card),
            *seeds_tables(given.models.split(","), asked, card),
        )
        if given.device == "cuda":
            tell(tests(60 * MINUTES - (time.monotonic() - started)))


if __name__ == "__main__":
    main()
