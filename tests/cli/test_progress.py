"""What a study says while it runs."""

import contextlib
import os
import pty
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

from bench.cli.progress import StudyProgress, run_progress
from bench.cli.running import Running
from bench.console import Guarded
from bench.tracking.entries import About, Entry
from bench.tracking.journal import write_journal

RUN = SimpleNamespace(
    label="vae seed=0",
    key="0",
    config=SimpleNamespace(train=SimpleNamespace(num_images=1000)),
)
RESULT = SimpleNamespace(value=1.0, primary="fd", status="ok", reason="")


@pytest.fixture
def journal(tmp_path):
    """Of a run that has seen 300 of 1,000 images."""
    (tmp_path / "0").mkdir()
    curve = [Entry(at=at, step=at, metrics={"train/loss": 25.06}) for at in (100, 200, 300)]
    write_journal(tmp_path / "0", About(experiment="e", name="r", params={}, tags={}), curve)


@pytest.fixture
def drawn(monkeypatch):
    """What a terminal of 80 columns on standard error was told, once something was done there."""

    @contextlib.contextmanager
    def terminal():
        ours, theirs = pty.openpty()
        monkeypatch.setenv("COLUMNS", "80")
        monkeypatch.setenv("TERM", "xterm")
        said = []
        with os.fdopen(theirs, "w") as file, monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", Guarded(file))
            yield said
        told = _read(ours)
        said += [_plain(told), told]

    return terminal


def _read(terminal):
    """All that it was told, once nobody is there to tell it more."""
    told = b""
    with contextlib.suppress(OSError):
        while more := os.read(terminal, 65_536):
            told += more
    os.close(terminal)
    return told


def _plain(told):
    """Without what moves the cursor and colours."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", told.decode())


def test_run_that_was_not_forecast_is_counted_among_all(capsys, tmp_path, journal):
    with StudyProgress(tmp_path, {"vae seed=0": 1.0}, 1.0) as progress:
        for _ in range(2):
            progress.started(RUN)
            progress.ended(RUN, RESULT)
    assert re.findall(r"\[\d/\d\]", capsys.readouterr().err) == ["[1/1]", "[2/2]"]


@pytest.mark.parametrize(
    ("silent", "said"), [(False, "[1/1] vae seed=0: ok, val fd 1.00, "), (True, "")]
)
def test_line_of_a_run_is_left_out_where_nothing_is_to_be_said(
    capsys, tmp_path, journal, silent, said
):
    with StudyProgress(tmp_path, {"vae seed=0": 1.0}, 1.0, silent=silent) as progress:
        progress.started(RUN)
        progress.ended(RUN, RESULT)
    assert capsys.readouterr().err.partition("0 s")[0] == said


def test_terminal_shows_how_far_each_run_is_until_it_has_ended(drawn, tmp_path, journal):
    other = SimpleNamespace(**{**vars(RUN), "label": "gan seed=0", "key": "1"})
    with drawn() as said, StudyProgress(tmp_path, {"vae seed=0": 1.0, "gan": 1.0}, 1.0) as progress:
        progress.started(RUN)
        progress.started(other)
    assert "0/2 runs" in said[0]
    assert said[0].rstrip().endswith(f"vae seed=0   30 %  {'':14}  loss 25.1\r\ngan seed=0")
    with drawn() as said, StudyProgress(tmp_path, {"vae seed=0": 1.0}, 1.0) as progress:
        progress.started(RUN)
        progress.ended(RUN, RESULT)
    assert "1/1 runs" in said[0].splitlines()[-1]


def test_line_of_a_single_run_goes_with_it(drawn, tmp_path, journal, capsys):
    run = Running("vae", tmp_path / "0", 1000)
    with drawn() as said, run_progress(run):
        pass
    assert f"vae   30 %  {'':14}  loss 25.1" in said[0].splitlines()
    assert said[1].endswith(b"\x1b[1A\x1b[2K")
    with run_progress(run), drawn() as said, run_progress(run, silent=True):
        print("below", file=sys.stderr)
    assert said[1] == b"below\r\n"
    assert capsys.readouterr() == ("", "")


def test_what_is_printed_beside_the_bar_passes_the_guard(drawn, tmp_path):
    with drawn() as said, StudyProgress(tmp_path, {"vae": 1.0}, 1.0):
        print("http://me:geheim@h \x1b[2J", file=sys.stderr)
    assert "http://me:***@h \\x1b[2J\r\n" in said[0]


STUDY = '''
"""Two runs."""
from bench.plan.study import Arm, Study, Tier

SETTINGS = {"train.num_images": 6400, "eval.likelihood_images": 10, "eval.max_samples": 100}
STUDY = Study(
    name="two",
    question="Which?",
    arms=(Arm(name="vae", model="vae_mlp"), Arm(name="dcgan", model="gan")),
    baselines=(),
    tiers={"classroom": Tier(dataset="digits", settings=SETTINGS)},
)
'''


@pytest.mark.slow
def test_study_in_a_terminal_shows_speed_and_losses_of_both_workers(store_uri, tmp_path):
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "two.py").write_text(STUDY)
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "bench.cli", "run", "two", "--jobs", "2", "--seeds", "1"],
        stdout=theirs,
        stderr=theirs,
        env=os.environ | {"COLUMNS": "80", "TERM": "xterm"},
    ) as study:
        os.close(theirs)
        told = _read(ours)
    assert study.returncode == 0
    lines = [each for each in re.split("[\r\n]+", _plain(told)) if " images/s  " in each]
    assert max(map(len, lines)) <= 78  # the terminal writes ^C behind them
    for run, losses in (("vae", "loss"), ("dcgan", r"discriminator [\d.]+  generator")):
        line = rf"{run} seed=0 +\d+ % +[\d,]+ images/s  {losses} -?[\d.]+"
        assert any(re.match(line, each) for each in lines), lines
