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
from contextlib import suppress
from pathlib import Path

import loops
import speed
import torch
from loops import Arena, Steps
from speed import Asked, Found, Table

from bench import datasets
from bench.config import RunConfig
from bench.models import configure
from bench.plan.files import load_study
from bench.runtime import git_commit, prepare
from bench.study.plan import resolve
from bench.training.capture import Steps as StepsInTurn
from bench.training.parts import reference_for
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

    def held(self) -> float:
        """MiB that this process holds now."""
        return 0.0 if self.device.type == "cpu" else torch.cuda.memory_allocated() / 2**20

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


def arena_of(config: RunConfig, card: Card) -> Arena:
    """A model, with data on the card."""
    reference = reference_for(config, card.device)
    return Arena(config, reference, datasets.load(config.data.dataset).train.images[:])


def at_once(arena: Arena, *, captured: bool = True, num_seeds: int = NUM_SEEDS) -> Steps:
    """Seeds of one configuration as one program."""
    program = SeedsTrainer([loops.trainer_of(arena, seed=seed) for seed in range(num_seeds)])
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
        AT_ONCE_GRAPH: lambda: at_once(arena),
    }


def raced(
    arena: Arena, makers: Mapping[str, Callable[[], Steps]], asked: Asked, card: Card
) -> tuple[Found, dict[str, float]]:
    """Images per second of all seeds together, turn by turn, and MiB that each takes."""
    runners, peaks = {}, {}
    for name, make in makers.items():
        before = card.held()
        runners[name] = card.done(make())
        peaks[name] = card.peak(runners[name]) - before
    found = race(runners, arena.config.train.batch_size, asked)
    for name in (AT_ONCE, AT_ONCE_GRAPH):
        found |= {name: [NUM_SEEDS * rate for rate in found[name]]} if name in found else {}
    return found, peaks


def race(
    runners: Mapping[str, Steps], batch_size: int, asked: Asked, repeats: int | None = None
) -> Found:
    """Images per second of the wall, in turns whose order is reversed each time."""
    counts = {
        name: 10 * max(1, round(asked.seconds / _seconds(steps, 10)))
        for name, steps in runners.items()
    }
    found: Found = {name: [] for name in runners}
    for turn in range(repeats or asked.repeats):
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
            arena = arena_of(configure(name, settings, {"dataset": asked.dataset}), card)
            found[row] = raced(arena, one_by_one(arena), asked, card)
    note = (
        "Wall clock; ratio of the medians, in brackets the lowest and the highest of one turn. "
        "Meant to be at least 5 with graphs for networks of depth 3."
    )
    return table(f"One run, batch 128, {asked.dataset}", found, note)


def seeds_table(models: Sequence[str], asked: Asked, card: Card) -> Table:
    """Ten seeds of the digits' models."""
    found = {}
    for name in models:
        arena = arena_of(configure(name, {"train.batch_size": 64}), card)
        found[name] = raced(arena, together(arena), asked, card)
    note = (
        "Images per second of all seeds together; a plain script trains them one by one. Meant to "
        "be at least 20 at once with graphs."
    )
    return table(f"{NUM_SEEDS} seeds, batch 64, digits", found, note)


def sweep(asked: Asked, card: Card) -> Table:
    """Minutes of training of a whole study, from the speed of each of its cells."""
    study = load_study("depth_sweep")
    plan = resolve(study, tier="lab", dataset=asked.dataset, device=card.device.type)
    cells = [run.config for run in plan.runs() if run.seed == 0 and not run.cell.baseline]
    single, several = "one run at a time, graphs", f"{plan.num_seeds} seeds at once, graphs"
    seconds = {single: 0.0, several: 0.0}
    for config in cells if card.device.type == "cuda" else cells[:1]:
        arena = arena_of(config, card)
        images = plan.num_seeds * config.train.num_images
        for name, steps, seeds in (
            (single, loops.ours(arena), 1),
            (several, at_once(arena, num_seeds=plan.num_seeds), plan.num_seeds),
        ):
            (rate,) = race({name: card.done(steps)}, seeds * config.train.batch_size, asked, 1)[
                name
            ]
            seconds[name] += images / rate
    rows = [(name, f"{spent / 60:,.1f}") for name, spent in seconds.items()]
    note = (
        f"{len(cells)} cells of {plan.num_seeds} runs of {cells[0].train.num_images:,} images, "
        "calculated from the speed of each: training alone. Meant to be under 15."
    )
    return Table(f"Study depth_sweep, tier lab, {asked.dataset}", ("way", "minutes"), rows, (note,))


def tests(seconds: float, output: Path) -> Table:
    """What the tests say that need a GPU, as far as they come."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider"]
    told = output / "gpu_tests.txt"
    with told.open("w") as file, suppress(subprocess.TimeoutExpired):
        subprocess.run(  # noqa: S603 - fixed words
            command, cwd=speed.HERE.parent, stdout=file, stderr=file, check=False, timeout=seconds
        )
    said = told.read_text().splitlines()
    lines = [line for line in said if line.startswith(("FAILED", "ERROR"))] + said[-1:]
    note = f"All that they say: {told.name}. They had {seconds:.0f} seconds."
    return Table("Tests marked gpu", ("said",), [(n.replace("|", "/"),) for n in lines], (note,))


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

        tell("# Speed: gpu", card.said())
        tell(steps_table(asked, card))
        tell(seeds_table(given.models.split(","), asked, card))
        tell(sweep(asked, card))
        if given.device == "cuda":
            tell(tests(60 * MINUTES - (time.monotonic() - started), asked.output))


if __name__ == "__main__":
    main()
