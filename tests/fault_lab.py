"""What tests of faults share: a folder with a tiny study, and the command line as processes."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.tracking.address import sqlite_uri
from bench.tracking.mlflow import Store

STUDY = '''"""Two arms, four short runs."""
from bench.plan import Arm, Study, Tier

STUDY = Study(
    name="tiny",
    question="Which of two is better?",
    arms=(Arm(name="vae", model="vae_mlp"), Arm(name="gan", model="gan_mlp")),
    tiers={
        "classroom": Tier(
            dataset="digits",
            seeds=SEEDS,
            settings={"train.num_images": NUM_IMAGES, "train.batch_size": 32},
        )
    },
)
'''


class Lab:
    """A user's folder: its store, its study, and commands given in it.

    Args:
        folder: Where commands are given.
        uri: The tracking store; None takes ``mlflow.db`` in the folder.
    """

    def __init__(self, folder: Path, uri: str | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.uri = uri or sqlite_uri(folder / "mlflow.db")

    def write_study(self, num_images: int = 4_000, seeds: int = 2) -> None:
        """``studies/tiny.py``: a VAE and a GAN of small layers on digits."""
        text = STUDY.replace("NUM_IMAGES", str(num_images)).replace("SEEDS", str(seeds))
        path = self.folder / "studies" / "tiny.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def environment(self, **more: str) -> dict[str, str]:
        """Of a command: one core, no store but the one that is named."""
        kept = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
        return {**kept, "MLFLOW_DISABLE_TELEMETRY": "true", "OMP_NUM_THREADS": "1", **more}

    def start(self, *arguments: str, **more: str) -> subprocess.Popen[str]:
        """A command in a process group of its own, whose number is that of the process."""
        return self._start(["-m", "bench.cli"], arguments, more)

    def start_python(self, code: str, *arguments: str, **more: str) -> subprocess.Popen[str]:
        """The same through code of one's own."""
        return self._start(["-c", code], arguments, more)

    def _start(
        self, how: list[str], arguments: tuple[str, ...], more: dict[str, str]
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *how, *arguments, *self._store(arguments)],
            cwd=self.folder,
            env=self.environment(**more),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def bench(self, *arguments: str, timeout: float = 120.0, **more: str) -> tuple[int, str]:
        """Exit code of a command and all that it printed."""
        process = self.start(*arguments, **more)
        try:
            said, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            raise
        return process.returncode, said

    def values(self) -> list[tuple[str, int, dict[str, float]]]:
        """Arm, seed and test values of every run that is finished, to the last bit."""
        return sorted(
            (
                record.about.family,
                record.about.seed,
                {name: value for name, value in record.metrics.items() if name.startswith("test/")},
            )
            for record in self._records()
            if record.finished
        )

    def statuses(self) -> Counter[str]:
        """How many runs of the store ended so."""
        return Counter(record.about.status for record in self._records())

    def doubled(self) -> list[str]:
        """Curves of the store with two values at one step, or none."""
        client: Any = Store(self.uri)._client
        return [
            f"{record.run_id} {name}"
            for record in self._records()
            for name in record.metrics
            if name.startswith(("train/", "val/"))
            if max(Counter(p.step for p in client.get_metric_history(record.run_id, name)).values())
            > 1
        ]

    def curves(self) -> list[tuple[str, int, str, list[tuple[int, float]]]]:
        """Arm, seed, name and points of every training curve."""
        client: Any = Store(self.uri)._client
        return sorted(
            (
                record.about.family,
                record.about.seed,
                name,
                [(p.step, p.value) for p in client.get_metric_history(record.run_id, name)],
            )
            for record in self._records()
            for name in record.metrics
            if name.startswith(("train/", "val/"))
        )

    def _records(self) -> list[Any]:
        store = Store(self.uri)
        found = [run for experiment in store.experiments() for run in store.records(experiment.id)]
        return [record for record in found if record.about.config_digest]

    def _store(self, arguments: tuple[str, ...]) -> list[str]:
        taking = {"run", "train", "report", "sample", "eval", "verify", "ui", "sync"}
        given = "--tracking-uri" in arguments or arguments[0] not in taking
        return [] if given else ["--tracking-uri", self.uri]


class Server:
    """An MLflow server with its database in a folder, which may be killed and served again.

    Args:
        folder: Of the database.
        database: Its address.
    """

    def __init__(self, folder: Path, database: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._folder, self._database = folder, database
        self.uri = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def serve(self) -> None:
        """Starts it and waits until it answers."""
        command = (sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1")
        place = ("--port", str(self._port), "--backend-store-uri", self._database)
        self._process = subprocess.Popen(
            [*command, *place, "--workers", "1"],
            cwd=self._folder,
            env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + 300  # of a machine that has much else to do
        while time.monotonic() < deadline:
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self._port), 1),
            ):
                return
            time.sleep(0.2)
        raise AssertionError("the server does not start")

    def kill(self) -> None:
        """At once, with all of its processes."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


@contextlib.contextmanager
def serving(folder: Path, migrated: Path) -> Iterator[Server]:
    """A server with an empty database."""
    folder.mkdir()
    (folder / "server.db").write_bytes(migrated.read_bytes())
    server = Server(folder, "sqlite:///server.db")
    server.serve()
    try:
        yield server
    finally:
        server.kill()


def one_sentence(said: str) -> str:
    """The last line of what a command printed, which is its sentence.

    Raises:
        AssertionError: It printed a traceback.
    """
    assert "Traceback" not in said, said
    return said.strip().rpartition("\n")[2]


def examples(count: int) -> int:
    """How many generated examples a test tries: a hundredth, times ``BENCH_EXAMPLES``."""
    return max(1, count * int(os.environ.get("BENCH_EXAMPLES", "1")) // 100)
