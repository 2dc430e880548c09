"""Torchvision's own download code against a server in this process."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import tarfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from bench import datasets
from bench.datasets import cifar10
from bench.datasets._splits import Arrays, Parts
from bench.torchvision_import import import_torchvision

Patch = pytest.MonkeyPatch


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


class QuietServer(http.server.ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """torchvision hangs up early on a HEAD-like request; that is no news."""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: Patch) -> Iterator[tuple[Path, str]]:
    """A folder and the address under which it is served."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    handler = partial(QuietHandler, directory=str(folder))
    with QuietServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def random_parts(*shape: int) -> Parts:
    rng = np.random.default_rng(0)
    labels = np.arange(50) % 10
    images = rng.integers(0, 256, (50, *shape), np.uint8)
    return Parts(Arrays(images[:40], labels[:40]), Arrays(images[40:], labels[40:]))


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def serve_idx(
    kind: str, parts: Parts, folder: Path, url: str, monkeypatch: Patch, write_idx
) -> None:
    write_idx(folder, parts, gz=True)
    dataset = getattr(import_torchvision().datasets, kind)
    monkeypatch.setattr(dataset, "mirrors", [url])
    monkeypatch.setattr(dataset, "resources", [(p.name, md5(p)) for p in folder.iterdir()])


def serve_svhn(parts: Parts, folder: Path, url: str, monkeypatch: Patch, write_idx) -> None:
    from scipy.io import savemat

    entries = {}
    for split, part in zip(("train", "test"), parts.present(), strict=True):
        name = f"{split}_32x32.mat"
        labels = np.where(part.labels == 0, 10, part.labels)[:, None]  # the file's digit 0
        savemat(folder / name, {"X": part.images.transpose(2, 3, 1, 0), "y": labels})
        entries[split] = [url + name, name, md5(folder / name)]
    monkeypatch.setattr(import_torchvision().datasets.SVHN, "split_list", entries)


def serve_cifar10(parts: Parts, folder: Path, url: str, monkeypatch: Patch, write_idx) -> None:
    batches = folder / cifar10.FOLDER
    batches.mkdir()
    for stem, part in zip(("data_batch", "test_batch"), parts.present(), strict=True):
        rows = np.concatenate([part.labels[:, None], part.images.reshape(len(part), -1)], axis=1)
        if stem == "test_batch":
            (batches / "test_batch.bin").write_bytes(rows.astype(np.uint8).tobytes())
            continue
        for i, some in enumerate(np.array_split(rows.astype(np.uint8), 5), 1):
            (batches / f"{stem}_{i}.bin").write_bytes(some.tobytes())
    archive = folder / cifar10.URL.rpartition("/")[2]
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(batches, cifar10.FOLDER)
    monkeypatch.setattr(cifar10, "URL", url + archive.name)
    monkeypatch.setattr(cifar10, "MD5", md5(archive))


@pytest.mark.parametrize(
    ("name", "parts", "serve"),
    [
        ("mnist", random_parts(1, 28, 28), partial(serve_idx, "MNIST")),
        ("fashion_mnist", random_parts(1, 28, 28), partial(serve_idx, "FashionMNIST")),
        ("svhn", random_parts(3, 32, 32), serve_svhn),
        ("cifar10", random_parts(3, 32, 32), serve_cifar10),
    ],
    ids=["mnist", "fashion_mnist", "svhn", "cifar10"],
)
def test_downloaded_set_holds_the_served_images(
    name: str,
    parts: Parts,
    serve: Callable[..., None],
    site: tuple[Path, str],
    data_home: Path,
    monkeypatch: Patch,
    write_idx: Callable[..., Path],
    publish: Callable[[str, Parts], None],
    same_arrays: Callable[[Arrays, Arrays], bool],
    capsys: pytest.CaptureFixture[str],
) -> None:
    serve(parts, *site, monkeypatch, write_idx)
    publish(name, parts)
    splits = datasets.load(name)
    assert capsys.readouterr() == ("", "")
    assert datasets.verify(name).ok
    assert {entry.name for entry in data_home.iterdir()} <= {f"{name}.npz", f".{name}.lock"}
    assert parts.test is not None
    assert same_arrays(splits.test, parts.test)
    found = np.concatenate([splits.train.images, splits.val.images])
    assert sorted(i.tobytes() for i in found) == sorted(i.tobytes() for i in parts.train.images)


def test_archive_with_another_checksum_is_refused(
    site: tuple[Path, str], data_home: Path, monkeypatch: Patch, write_idx: Callable[..., Path]
) -> None:
    serve_idx("MNIST", random_parts(1, 28, 28), *site, monkeypatch, write_idx)
    for path in site[0].iterdir():
        path.write_bytes(gzip.compress(b"something else"))
    with pytest.raises(datasets.UsageError, match=r"download failed \(File not found or corrupted"):
        datasets.fetch("mnist")
    assert not (data_home / "mnist.npz").exists()


def test_archive_that_leaves_its_folder_is_refused(
    site: tuple[Path, str], data_home: Path, monkeypatch: Patch
) -> None:
    """Whatever torchvision trusts: a member ``../../escaped`` would land beside the data."""
    (data_home.parent / "made").write_text("not for there")
    archive = site[0] / "made.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(data_home.parent / "made", "../../escaped")
    monkeypatch.setattr(cifar10, "URL", site[1] + archive.name)
    monkeypatch.setattr(cifar10, "MD5", md5(archive))
    with pytest.raises(
        datasets.UsageError, match=r"download failed \('../../escaped' would be ext"
    ):
        datasets.fetch("cifar10")
    assert not list(data_home.parent.rglob("escaped"))
