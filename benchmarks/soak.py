"""Memory of driver and workers over one study of many tiny runs, and what a run leaves on the disk.

``python benchmarks/soak.py --runs 300 -o soak.png`` (Linux: it reads /proc).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

STUDY = '''"""Many short runs."""
from bench.plan import Arm, Study, Tier

STUDY = Study(
    name="soak",
    question="Does anything grow?",
    arms=(Arm(name="vae", model="vae_mlp"), Arm(name="gan", model="gan_mlp")),
    tiers={"classroom": Tier(dataset="digits", seeds=SEEDS, settings={"train.num_images": 1280})},
)
'''

Samples = dict[int, list[tuple[float, float]]]
"""By process: seconds since the start and resident megabytes."""


def main() -> None:
    """Runs the study, watches its processes, draws and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("-o", "--output", type=Path, default=Path("soak.png"))
    asked = parser.parse_args()
    output = asked.output.absolute()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "studies").mkdir()
        (place / "studies" / "soak.py").write_text(STUDY.replace("SEEDS", str(asked.runs // 2)))
        samples = watched(place, asked.jobs)
        stored = storage(place)
    draw(samples, output)
    driver = max(samples, key=lambda pid: samples[pid][-1][0] - samples[pid][0][0])
    for pid, points in samples.items():
        if len(points) > 10:
            name = "driver" if pid == driver else "worker"
            print(f"{name} {pid}: {growth(points)}")
    for name, num_bytes in stored.items():
        print(f"{name}: {num_bytes / asked.runs / 1000:.1f} KB a run")
    print(f"figure: {output}")


def watched(place: Path, jobs: int) -> Samples:
    """What each process of the command takes, every second until it ends."""
    command = (sys.executable, "-m", "bench.cli", "run", "--study", "soak", "--jobs", str(jobs))
    environment = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
    started = time.monotonic()
    samples: Samples = defaultdict(list)
    with subprocess.Popen(  # noqa: S603 - our own program
        command, cwd=place, env=environment, stderr=subprocess.DEVNULL
    ) as process:
        while process.poll() is None:
            for pid in (process.pid, *workers(process.pid)):
                if megabytes := resident(pid):
                    samples[pid].append((time.monotonic() - started, megabytes))
            time.sleep(1)
    if process.returncode:
        raise SystemExit(f"bench run ended with {process.returncode}")
    return samples


def workers(pid: int) -> list[int]:
    """Its children that run tasks."""
    told = subprocess.run(  # noqa: S603 - fixed words
        ["pgrep", "-P", str(pid), "-f", "spawn_main"],  # noqa: S607 - the system's
        capture_output=True,
        text=True,
        check=False,
    )
    return [int(line) for line in told.stdout.split()]


def resident(pid: int) -> float:
    """Resident megabytes; 0 of a process that has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    found = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(found[0]) / 1000 if found else 0.0


def growth(points: list[tuple[float, float]]) -> str:
    """Medians of the second and the last fifth: the first one imports and warms up."""
    fifth = max(1, len(points) // 5)
    early = sorted(y for _, y in points[fifth : 2 * fifth])[fifth // 2]
    late = sorted(y for _, y in points[-fifth:])[fifth // 2]
    return f"{early:.0f} MB in the second fifth, {late:.0f} MB in the last: {late / early:.3f}"


def storage(place: Path) -> dict[str, int]:
    """Bytes by what they are."""
    kinds: dict[str, int] = defaultdict(int)
    for path in place.rglob("*"):
        if path.is_file() and "studies" not in path.parts:
            inside = path.relative_to(place).parts[0]
            kinds[f"{inside}/**/{path.suffix or path.name}"] += path.stat().st_size
    return dict(sorted(kinds.items()))


def draw(samples: Samples, output: Path) -> None:
    """One line for each process."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 4))
    for pid, points in samples.items():
        axes.plot(*zip(*points, strict=True), label=f"process {pid}")
    axes.set(xlabel="seconds", ylabel="resident MB", ylim=(0, None))
    axes.legend()
    figure.savefig(output, dpi=120, bbox_inches="tight")


if __name__ == "__main__":
    main()
