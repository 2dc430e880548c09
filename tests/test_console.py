"""The streams that every message passes."""

import errno
import os
import sys
from pathlib import Path

import pytest

from bench import cli, console


class Terminal:
    """A stream that keeps what it is given, until it breaks."""

    def __init__(self, fileno):
        self.said, self.breaks, self._fileno = "", 0, fileno

    def write(self, text):
        if self.breaks:
            raise OSError(self.breaks, os.strerror(self.breaks))
        self.said += text

    def flush(self):
        self.write("")

    def fileno(self):
        return self._fileno


@pytest.fixture
def terminal(tmp_path):
    with (tmp_path / "out").open("w") as file:
        yield Terminal(file.fileno())


def test_stream_masks_secrets_and_shows_what_a_terminal_would_obey(terminal):
    guarded = console.Guarded(terminal)
    guarded.writelines(["http://me:geheim@h\n", "\x1b[2J"])
    assert terminal.said == "http://me:***@h\n\\x1b[2J"
    assert guarded.fileno() == terminal.fileno()


@pytest.mark.parametrize(
    ("breaks", "words"), [(errno.EPIPE, ""), (errno.ENOSPC, "No space left on device")]
)
def test_stream_that_breaks_falls_silent_and_the_work_goes_on(terminal, breaks, words, monkeypatch):
    guarded = console.Guarded(terminal)
    monkeypatch.setattr(sys, "stdout", guarded)
    terminal.breaks = breaks
    print("never read", flush=True)
    assert console.lost_words() == words
    os.write(terminal.fileno(), b"nowhere")
    assert os.fstat(terminal.fileno()).st_rdev == Path(os.devnull).stat().st_rdev


def test_streams_are_guarded_once_and_print_letters_that_they_do_not_know(monkeypatch, tmp_path):
    with (tmp_path / "out").open("w", encoding="ascii") as file:
        monkeypatch.setattr(sys, "stdout", file)
        monkeypatch.setattr(sys, "stderr", None)
        console.guard_streams()
        console.guard_streams()
        print("↓ \udcff")
        print("lost", file=sys.stderr)
        sys.stderr.close()
    assert (tmp_path / "out").read_text() == "\\u2193 \\udcff\n"


@pytest.fixture
def ended(monkeypatch, capsys):
    """Exit code and error output of a command that ends with an error."""
    monkeypatch.setattr(cli.signal, "signal", lambda *_: None)

    def run(error, *more):
        def fails(*_):
            raise error

        monkeypatch.setattr("bench.cli.list._summaries", fails)
        monkeypatch.setattr("sys.argv", ["bench", "list", "models", *more])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code, capsys.readouterr().err

    return run


def test_fault_of_our_own_is_one_sentence_that_says_where_its_traceback_lies(
    ended, monkeypatch, tmp_path
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code, said = ended(KeyError("http://me:geheim@h\nx"))
    (kept,) = tmp_path.glob("bench-*.txt")
    assert code == 1
    assert said.count("\n") == 1
    assert said.startswith("bench: something happened that should not (KeyError: ")
    assert str(kept) in said
    text = kept.read_text()
    assert "Traceback" in text
    assert "geheim" not in said + text


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENAMETOOLONG, "bench: 'given' is a name that is too long: give another path"),
        (errno.ELOOP, "bench: 'given' is a link that leads in a circle: give another path"),
    ],
)
def test_path_that_the_system_refuses_is_a_mistake_and_no_fault_of_ours(ended, number, sentence):
    code, said = ended(OSError(number, os.strerror(number), "given"))
    assert (code, said.strip()) == (2, sentence)


def test_fault_of_our_own_without_a_place_for_its_traceback_is_said_all_the_same(
    ended, monkeypatch, tmp_path
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    code, said = ended(BrokenPipeError(errno.EPIPE, "a worker is gone"))
    assert code == 1
    assert "give --debug to see its traceback" in said


def test_debug_shows_the_fault_itself(monkeypatch):
    monkeypatch.setattr(cli.signal, "signal", lambda *_: None)
    monkeypatch.setattr("bench.cli.list._summaries", lambda _: {}["gone"])
    monkeypatch.setattr("sys.argv", ["bench", "--debug", "list", "models"])
    with pytest.raises(KeyError, match="gone"):
        cli.main()
