"""Published weights are fetched or imported, checked by their digest, and never replaced by others."""

import dataclasses
import hashlib
import http.server
import threading
from functools import partial

import pytest

from bench.detectors import DETECTORS
from bench.errors import Unavailable, UsageError

CONTENT = b"weights, as far as their digest goes"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
ALL = [kind.fixed.weights for _, kind in DETECTORS.items() if kind.fixed and kind.fixed.weights]


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def home(monkeypatch, tmp_path):
    """An empty data folder."""
    folder = tmp_path / "home"
    monkeypatch.setenv("BENCH_DATA", str(folder))
    return folder


@pytest.fixture(params=ALL, ids=lambda each: each.name)
def weights(home, request):
    """Published weights of whom ``CONTENT`` is the file."""
    known = len(request.param.sha256)
    return dataclasses.replace(request.param, sha256=SHA256[:known])


@pytest.fixture
def served(weights, tmp_path, monkeypatch):
    """The same, from a folder; and that folder."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    handler = partial(QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/weights.pth"
        yield dataclasses.replace(weights, url=url), folder
        server.shutdown()


def left_in(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_fetched_weights_are_installed_once(home, served):
    weights, folder = served
    (folder / "weights.pth").write_bytes(CONTENT)
    path = weights.fetch()
    assert path == weights.path
    assert path.read_bytes() == CONTENT
    assert path.parent == home / "detectors"
    assert weights.digest() == SHA256[:16]
    (folder / "weights.pth").unlink()
    assert weights.fetch() == path  # intact, so nothing is asked for
    assert left_in(home) == [f".{weights.name}.lock", path.name]


def test_damaged_weights_are_fetched_again(served):
    weights, folder = served
    (folder / "weights.pth").write_bytes(CONTENT)
    weights.fetch().write_bytes(CONTENT[:-1])
    with pytest.raises(
        Unavailable, match=f"are damaged: run `bench detectors fetch {weights.name}`"
    ):
        weights.digest()
    assert weights.fetch().read_bytes() == CONTENT


def test_download_of_other_weights_is_refused_and_leaves_nothing(home, weights, tmp_path):
    other = tmp_path / "other.pth"
    other.write_bytes(b"others")
    with pytest.raises(UsageError, match=r"the download has the SHA-256 .*, expected "):
        dataclasses.replace(weights, url=other.as_uri()).fetch()
    assert left_in(home) == [f".{weights.name}.lock"]


def test_missing_network_is_one_sentence_with_the_remedy(home, served):
    weights, _ = served
    with pytest.raises(UsageError, match=r"failed \(File not found\): .* FILE"):
        weights.fetch()
    away = dataclasses.replace(weights, url="http://127.0.0.1:9/weights.pth")
    with pytest.raises(UsageError, match=r"failed \(.*refused\): run `bench detectors fetch"):
        away.fetch()
    assert left_in(home) == [f".{weights.name}.lock"]


def test_weights_in_a_file_are_installed_if_they_are_the_published_ones(weights, tmp_path):
    file = tmp_path / "mine.pth"
    file.write_bytes(CONTENT)
    assert weights.install(file).read_bytes() == CONTENT
    file.write_bytes(b"others")
    assert weights.install(file).read_bytes() == CONTENT  # what is there is intact
    weights.path.unlink()
    with pytest.raises(
        UsageError, match=f"the only ones whose distance is called {weights.distance}"
    ):
        weights.install(file)
    with pytest.raises(UsageError, match=f"give the path of the {weights.title} weights"):
        weights.install(tmp_path / "nowhere.pth")


def test_folder_that_cannot_be_written_is_told(home, weights, tmp_path):
    file = tmp_path / "mine.pth"
    file.write_bytes(CONTENT)
    home.mkdir()
    (home / "detectors").write_text("a file where the folder should be")
    with pytest.raises(UsageError, match=r"cannot be stored in .*: free space there or set"):
        weights.install(file)


def test_missing_weights_are_one_sentence_with_their_file_and_the_command(weights):
    with pytest.raises(Unavailable, match="weights are not on this machine: run `bench ") as told:
        weights.digest()
    assert f"or give the file of {weights.url} with " in str(told.value)
    assert weights.path.name in weights.url
    assert (weights.option or f"`bench detectors import {weights.name} FILE`") in str(told.value)
