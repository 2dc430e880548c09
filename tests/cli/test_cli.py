"""The command line: what it prints, where, and with which exit code."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from references import BRANCHES

from bench import cli
from bench.config import known_keys
from bench.errors import Interrupted, UsageError
from bench.models import MODELS, configure
from bench.records import TrialResult
from bench.registry import PACKAGES


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


Bench = Callable[..., Done]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bench:
    """Runs a command line in this process, so that its parts can be replaced."""
    monkeypatch.setattr(cli.signal, "signal", lambda *_: None)

    def run(line: str) -> Done:
        monkeypatch.setattr("sys.argv", ["bench", *line.split()])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Done(ended.value.code, out, err)

    return run


def assert_mistake(done: Done, *parts: str) -> None:
    """Exit code 2 and one line on standard error alone: ``bench: `` and the parts in order."""
    assert done.code == 2
    assert done.out == ""
    assert done.err.count("\n") == 1, done.err
    assert re.match("bench: " + ".*".join(map(re.escape, parts)), done.err), done.err


MISTAKES: dict[str, tuple[str, ...]] = {
    "run --study dept_sweep": (
        "unknown study 'dept_sweep': did you mean 'depth_sweep'",
        "depth_sweep, ",
    ),
    "run --study depth_sweep --tier labb": (
        "unknown tier 'labb': did you mean 'lab'? tiers of depth_sweep: classroom, lab\n",
    ),
    "run --study depth_sweep --dataset mnits": (
        "unknown dataset 'mnits': did you mean 'mnist' or 'digits'? known: ",
        "folder:PATH",
    ),
    "run --study depth_sweep --set widht=8": (
        "unknown key 'widht': did you mean 'width'",
        "known: ",
    ),
    "run --study depth_sweep --set width=0": (
        "model.width must be in 1..512, got '0': change it with --set width=VALUE\n",
    ),
    "run --study depth_sweep --set depth=2": (
        "'model.depth' is a factor of this study, which runs all its values: leave it out\n",
    ),
    "run --study depth_sweep --set train.seed=2": (
        "'train.seed' has an option of its own: use --seeds instead of --set\n",
    ),
    "run --study depth_sweep --set dataset=mnist": (
        "'data.dataset' has an option of its own: use --dataset instead of --set\n",
    ),
    "run --study depth_sweep --set likelihood=nix": (
        "unknown likelihood 'nix': registered: bernoulli_fixed, ",
    ),
    "run --study depth_sweep --jobs 0": (
        "--jobs takes a whole number in 1..999, or auto, got '0'\n",
    ),
    "run --study depth_sweep --engine inprocess --jobs 2 --fresh": (
        "engine 'inprocess' runs one at a time, got 2 jobs: take --engine local\n",
    ),
    "run --study depth_sweep --jobs two": (
        "--jobs takes a whole number in 1..999, or auto, got 'two'\n",
    ),
    "run --study depth_sweep --device cuda": ("device 'cuda' is not there: use --device cpu\n",),
    "run --study depth_sweep --storage optuna": (
        "--storage takes a database URL, got 'optuna': write sqlite:///optuna.db\n",
    ),
    "train": ("bench train takes a MODEL or --config RUN: give exactly one of them\n",),
    "train vea": ("unknown model 'vea': did you mean 'vae'? registered: ",),
    "train wgan:arjovski": (
        "unknown preset 'arjovski': did you mean 'arjovsky2017'? presets of wgan: ",
    ),
    "train vae --dataset mnits": ("unknown dataset 'mnits': did you mean 'mnist'",),
    "train vae --set latent_dm=8": (
        "unknown key 'latent_dm': did you mean 'latent_dim'",
        "known: ",
    ),
    "train vae --set depth=7": (
        "model.depth must be in 1..5, got '7': change it with --set depth=VALUE\n",
    ),
    "train vae --set depth=two": (
        "model.depth must be a whole number in 1..5, got 'two': change it with --set depth=VALUE\n",
    ),
    "train vae --set depth": ("--set takes key=value, got 'depth': write for example depth=3\n",),
    "train vae --set depth=1 --set depth=2": ("--set names 'depth' twice: keep one\n",),
    "train vae --set depth=1 --set model.depth=2": ("--set names 'model.depth' twice: keep one\n",),
    "train vae --set num_logs=7": ("train: num_validations must divide num_logs=7, got 4\n",),
    "train vae --set num_logs=1000000000": (
        "train.num_logs must be in 1..100,000, got '1000000000': change it with ",
    ),
    "train vae --set lr=1e308": ("model.lr must be > 0 and <= 1e+38, got '1e308': change it ",),
    "train vae --set seed=-1": ("train.seed must be in 0..2,147,483,647, got '-1': change it ",),
    "train vae --set num_images=1": (
        "train.num_images must be in 2..1,000,000,000,000, got '1': change it ",
    ),
    "train vae --set batch_size=900000": (
        "vae on 'digits' would need ",
        " GB of memory, ",
        "are there: lower batch_size (900000) or width (16)\n",
    ),
    "train vae --set likelihood=nix": ("unknown likelihood 'nix': registered: bernoulli_fixed, ",),
    "train vae --set detector=mnits": (
        "unknown detector 'mnits': did you mean 'mnist' or 'digits'? known: cifar10, clip, digits, ",
    ),
    "train vae --device cuda": ("device 'cuda' is not there: use --device cpu\n",),
    "train vae --device tpu": (
        "unknown device 'tpu': did you mean 'cpu'? expected auto, cpu or cuda\n",
    ),
    "train vae --plugin nix.py": (
        "plugin 'nix.py' is no Python file: give the path of a .py file\n",
    ),
    "sample some_run --tracking-uri store": (
        "tracking URI 'store' names no store: write sqlite:///store.db or http://HOST:PORT\n",
    ),
    "report --study dept_sweep": ("unknown study 'dept_sweep': did you mean 'depth_sweep'",),
    "list model": ("unknown kind 'model': did you mean 'models'? known: datasets, ",),
    "list models --plugin nix.py": (
        "plugin 'nix.py' is no Python file: give the path of a .py file\n",
    ),
    "show vea": ("unknown model or study 'vea': did you mean 'vae'? known: ",),
    "show wgan:arjovski": ("unknown preset 'arjovski': did you mean 'arjovsky2017'?",),
    "data fetch digits": (
        "data set 'digits' has no download, expected one of ",
        "use it as it is\n",
    ),
    "data verify mnist": (
        "data set 'mnist' is not installed, expected ",
        "mnist.npz: run 'bench data fetch mnist' on a machine with a network, or 'bench data import",
    ),
    "data import mnist nowhere": (
        "'nowhere' is no folder: give the folder of the four IDX files\n",
    ),
    "run --studdy depth_sweep": (
        "bench run has no option '--studdy', did you mean '--study'? see `bench run --help`\n",
    ),
    "run": ("give one study, got none: `bench list studies` names them\n",),
    "run --study depth_sweep --seeds 0": (
        "--seeds must be a whole number in 1..1,000, got '0': see `bench run --help`\n",
    ),
    f"run --study depth_sweep --jobs {'9' * 5000}": (
        "--jobs takes a whole number in 1..999, or auto, got '999",
        "... (5,002 characters)\n",
    ),
    "sample some_run -n 10000000": ("-n must be a whole number in 1..1,000,000, got '10000000': ",),
    "train vae --threads 0": ("--threads must be a whole number in 1..1,024, got '0': ",),
    "ui --port 70000": ("--port must be a whole number in 1..65,535, got '70000': ",),
    "rnu": ("bench has no command 'rnu', did you mean 'run' or 'train'? see `bench --help`\n",),
    "data": ("Missing command: see `bench data --help`\n",),
}


@pytest.mark.parametrize("line", MISTAKES)
def test_mistake_is_one_sentence_with_its_remedy_and_leaves_nothing_behind(
    line: str, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert_mistake(bench(line), *MISTAKES[line])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        (
            "sample 0123",
            ("no run '0123' in 'sqlite:///", "take an id from `bench list runs`\n"),
        ),
        (
            "train --config 0123",
            ("no run '0123' in 'sqlite:///", "take an id from `bench list runs`"),
        ),
        (
            "report --study depth_sweep",
            ("no runs of depth_sweep in 'sqlite:///", "run `bench run --study depth_sweep --tier"),
        ),
        (
            "report --study depth_sweep --tier labb",
            ("unknown tier 'labb': did you mean 'lab'? tiers of depth_sweep: classroom, lab\n",),
        ),
        ("ui", ("nothing is logged for 'any study': run `bench run` first\n",)),
    ],
)
def test_what_was_never_run_is_one_sentence(
    line: str, parts: tuple[str, ...], bench: Bench, store_uri: str
) -> None:
    assert_mistake(bench(line), *parts)


def test_missing_data_without_a_network_names_the_commands_that_help(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise URLError("no route to host")

    home = tmp_path / "data"
    monkeypatch.setenv("BENCH_DATA", str(home))
    monkeypatch.setattr("bench.datasets._idx.import_torchvision", fail)
    assert_mistake(
        bench("run --study depth_sweep --tier lab"),
        f"data set 'mnist' is not installed in {home} and its download failed (no route to host): ",
        "run 'bench data fetch mnist' on a machine with a network, or 'bench data import mnist DIR'",
    )


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
def test_truncated_idx_file_is_named_and_not_installed(
    pack: Callable[[bytes], bytes], bench: Bench, tmp_path: Path, empty_data_home: Path
) -> None:
    folder = tmp_path / "idx"
    folder.mkdir()
    for part in ("train", "t10k"):
        images = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28]) + bytes(2 * 28 * 28)
        labels = bytes([0, 0, 8, 1, 0, 0, 0, 2, 3, 4])
        (folder / f"{part}-images-idx3-ubyte").write_bytes(pack(images))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(pack(labels))
    cut = folder / "t10k-images-idx3-ubyte"
    cut.write_bytes(cut.read_bytes()[:-10])
    assert_mistake(
        bench("data import mnist idx"), "idx/t10k-images-idx3-ubyte ", ": download the file again\n"
    )
    assert not (empty_data_home / "mnist.npz").exists()


@pytest.mark.parametrize(
    ("x", "parts"),
    [
        (
            np.zeros((20, 8, 8)),
            ("'own.npz': x has dtype float64, expected uint8 in 0..255: convert it",),
        ),
        (
            np.zeros((20, 64), np.uint8),
            ("'own.npz': x has shape [20, 64], expected [N, H, W], [N, H, W, C]", ": reshape it\n"),
        ),
    ],
    ids=["dtype", "shape"],
)
def test_npz_of_wrong_dtype_or_shape_says_what_is_expected(
    x: np.ndarray, parts: tuple[str, ...], bench: Bench
) -> None:
    np.savez("own.npz", x=x)
    assert_mistake(bench("train vae --dataset npz:own.npz"), *parts)


def test_debug_shows_where_a_mistake_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli.signal, "signal", lambda *_: None)
    monkeypatch.setattr("sys.argv", ["bench", "--debug", "list", "model"])
    with pytest.raises(UsageError, match="unknown kind 'model'"):
        cli.main()


@pytest.mark.parametrize("stop", [KeyboardInterrupt, Interrupted])
def test_stopped_command_exits_130_and_says_that_it_continues(
    stop: type[BaseException], bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise stop

    monkeypatch.setattr("bench.cli.run.load_study", stopped)
    done = bench("run --study depth_sweep")
    assert done == Done(130, "", "bench: interrupted; the same command continues\n")


def test_failed_or_different_run_exits_1(
    bench: Bench, store_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = bench("train uniform_noise --json")
    assert done.code == 0
    ended = TrialResult(status="ok")
    monkeypatch.setattr("bench.engines.task.run_task", lambda *_: ended)
    again = f"train --config {json.loads(done.out)['run_id']}"
    assert bench(again).code == 1  # it has none of the values of the first
    ended = TrialResult(status="failed")
    assert bench("train uniform_noise").code == 1


@pytest.mark.parametrize("kind", [*PACKAGES, "studies"])
def test_list_prints_each_name_with_one_line_and_the_same_as_json(kind: str, bench: Bench) -> None:
    plain, as_json = bench(f"list {kind}"), bench(f"list {kind} --json")
    rows = dict(line.split(maxsplit=1) for line in plain.out.splitlines())
    assert rows or kind == "mirrors"  # there are none until somebody adds one
    assert all(rows.values())
    assert json.loads(as_json.out) == rows
    assert (plain.code, as_json.code) == (0, 0)


@pytest.mark.parametrize("reference", BRANCHES)
def test_show_gives_every_setting_its_value(reference: str, bench: Bench) -> None:
    done = bench(f"show {reference}")
    assert done.code == 0
    config, kind = configure(reference), MODELS.get(reference.partition(":")[0])
    lines = done.out.splitlines()
    assert lines[0] == f"{reference}: {kind.summary}"
    for key in known_keys(kind.settings):
        (line,) = [line for line in lines if line.split()[:1] == [key]]
        assert line.split()[1] == str(config.settings()[key])


def test_show_gives_question_and_tiers_of_a_study(bench: Bench) -> None:
    out = bench("show depth_sweep").out
    assert out.startswith("depth_sweep: How does depth change what a VAE, a GAN and a WGAN learn")
    assert "  model.depth  1, 2, 3, 4, 5\n" in out
    assert "\ntier classroom on digits: 60 runs (20 cells, 3 seeds), 12 of chosen cells" in out


def test_data_list_is_one_object_by_name(bench: Bench) -> None:
    rows = json.loads(bench("data list --json").out)
    assert rows["digits"]["installed"]
    assert not rows["mnist"]["installed"]
    assert rows["mnist"]["sizes"] == [54_000, 6_000, 10_000]


def test_dry_run_gives_runs_and_forecast_and_leaves_nothing_behind(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.training.forecast.seconds_per_run", lambda *_: 2.0)
    monkeypatch.setattr("bench.engines.local.num_cores", lambda: 2)
    monkeypatch.setattr("bench.engines._timing.speedup", float)
    line = "run --study depth_sweep --seeds 2 --jobs 2 --dry-run"
    # 4 families of 5 depths with 2 seeds, 2 fresh seeds of each's best, and 3 baselines once.
    found = json.loads(bench(f"{line} --json").out)
    assert len(found.pop("configurations")) == 51
    assert found == {"runs": 51, "done": 0, "forecast_seconds": 51.0}
    said = bench(line).out.splitlines()
    assert len(said) == 1 + 27 + 2  # a heading, the cells, the disk, the sum
    assert said[-1] == "depth_sweep (classroom) on digits: 51 runs, 576,000 images, about 51 s"
    assert list(tmp_path.iterdir()) == []


def test_train_prints_one_object_with_the_run_and_its_values(bench: Bench, store_uri: str) -> None:
    small = "--set num_images=64 --set num_logs=1 --set num_validations=1 --set hidden=8"
    torch.set_num_threads(2)
    done = bench(f"train vae_mlp {small} --set max_samples=50 --json")
    assert torch.get_num_threads() == 1  # as a worker: the same command, the same bits
    assert done.code == 0
    summary = json.loads(done.out)
    assert summary["metrics"]["cost/images_seen"] == 128
    assert re.fullmatch("[0-9a-f]{32}", summary["run_id"])
