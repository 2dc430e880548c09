"""What a notebook, a shell, a folder or a pipe leaves to a command: it says what it always says."""

import os
import shlex
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import pytest
from fault_lab import Lab, one_sentence

pytestmark = pytest.mark.faults

SHADOWS = ("random", "signal", "tempfile", "torch", "numpy", "selectors")
STUDY = '"""Größe ↓ 大きさ"""\n'
COMMAND = [sys.executable, "-m", "bench.cli"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of any language, with a study, a style of figures and files named like libraries."""
    made = tmp_path_factory.mktemp("env") / "Übung 日"
    (made / "studies").mkdir(parents=True)
    (made / "studies" / "mine.py").write_text(STUDY, encoding="utf-8")
    (made / "matplotlibrc").write_text("backend: module://nothere\ntext.usetex: True\n")
    for name in SHADOWS:
        (made / f"{name}.py").write_text("raise SystemExit('shadowed')\n")
    return made


def said(line, folder, **more):
    """What a command prints, and how it ends; a name without a value is not in its environment."""
    known = {**os.environ, "OMP_NUM_THREADS": "1", **more}
    known.pop("MLFLOW_TRACKING_URI")
    done = subprocess.run(
        [*COMMAND, *shlex.split(line)],
        cwd=folder,
        env={key: value for key, value in known.items() if value is not None},
        capture_output=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout, done.stderr.decode(errors="replace")


@cache
def undisturbed(line, folder):
    return said(line, folder)[1]


ENVIRONMENTS = {
    "notebook": ("list plots", {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}),
    "warnings are errors": ("list plots", {"PYTHONWARNINGS": "error"}),
    "home": (
        "list plots",
        {"HOME": "/proc/none", "MPLCONFIGDIR": "/proc/none", "BENCH_DATA": None},
    ),
    "no home": ("list studies", {"HOME": None, "BENCH_DATA": None, "XDG_CACHE_HOME": None}),
    "no such locale": ("list studies", {"LC_ALL": "xx_YY"}),
    "no such folder": ("list studies", {"TMPDIR": "/proc/none"}),
    "no terminal": ("--help", {"TERM": "dumb", "NO_COLOR": "1", "COLUMNS": "1", "LINES": "x"}),
    "order of sets": ("list studies", {"PYTHONHASHSEED": "1"}),
}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_command_says_what_it_says_in_any_environment(name, folder):
    line, environment = ENVIRONMENTS[name]
    code, out, err = said(line, folder, **environment)
    assert code == 0, err
    if "COLUMNS" not in environment:
        assert out == undisturbed(line, folder), err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "environment",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii"},
    ],
)
def test_letters_that_are_not_known_are_written_in_known_ones(environment, folder):
    code, out, err = said("list studies", folder, **environment)
    assert code == 0, err
    assert b"mine" in out
    assert b"Gr\\xf6\\xdfe \\u2193" in out


def test_variables_of_mlflow_choose_no_run_experiment_or_tone(tmp_path, store_uri):
    lab = Lab(tmp_path, store_uri)
    lab.write_study()
    more = {
        "MLFLOW_TRACKING_TOKEN": "hunter2secret",
        "MLFLOW_EXPERIMENT_NAME": "other",
        "MLFLOW_EXPERIMENT_ID": "77",
        "MLFLOW_RUN_ID": "0123",
        "MLFLOW_LOGGING_LEVEL": "loud",
        "MLFLOW_ENABLE_ASYNC_LOGGING": "true",
        "OPTUNA_STORAGE": "postgresql://me:hunter2secret@h/x",
    }
    code, text = lab.bench("report", "--study", "tiny", **more)
    assert code == 2
    assert one_sentence(text).startswith("bench: no runs of tiny in 'sqlite:///")
    assert "hunter2secret" not in text


@pytest.mark.parametrize(
    ("ending", "codes"),
    [
        ("| head -n 1", {0}),
        (">&-", {0}),
        ("<&- >&- 2>&-", {0}),
        (">/dev/full", {1}),
    ],
)
def test_command_ends_well_whatever_its_output_leads_to(ending, codes, folder):
    line = f"set -o pipefail; {shlex.join(COMMAND)} list studies {ending}"
    done = subprocess.run(
        ["bash", "-c", line], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode in codes, done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    if codes == {1}:
        assert "No space left on device" in one_sentence(done.stderr)


def test_ctrl_c_while_libraries_load_is_one_sentence(folder):
    process = subprocess.Popen(
        [*COMMAND, "run", "--study", "depth_sweep", "--dry-run"],
        cwd=folder,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    maps = Path(f"/proc/{process.pid}/maps")
    while "libtorch" not in maps.read_text():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode in {0, 130}
    assert err.decode() in {"", "bench: interrupted; the same command continues\n"}


def test_password_in_an_address_is_nowhere_afterwards(tmp_path, store_uri):
    lab = Lab(tmp_path, store_uri)
    lab.write_study()
    secret, closed = "hunter2secret", "postgresql+psycopg://me:hunter2secret@127.0.0.1:9/x"
    addressed = ["--tracking-uri", "http://me:hunter2secret@127.0.0.1:9"]
    for code, text in (
        lab.bench("run", "--study", "tiny", "--jobs", "1", "--storage", closed),
        lab.bench("report", "--study", "tiny", *addressed),
        lab.bench("report", "--study", "tiny", "--debug", *addressed),
    ):
        assert code != 0
        assert secret not in text
        assert "***" in text
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in left if secret.encode() in path.read_bytes()] == []
