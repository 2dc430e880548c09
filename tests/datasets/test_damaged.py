"""Damaged files of arrays and pictures: taken, or refused in one sentence, and nothing else happens."""

from __future__ import annotations

import gzip
import io
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fault_lab import examples
from hypothesis import given, settings, strategies as st
from PIL import Image

from bench.datasets import load
from bench.datasets._folder import read_folder
from bench.datasets._idx import read_idx
from bench.datasets._npz import read_npz
from bench.errors import UsageError

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (40, 5, 6), np.uint8)
Y = np.arange(40) % 4
MOST_SECONDS = 20.0
MOST_BYTES = 10**9  # a picture of 4096 x 4096 takes 120 MB on its way


@pytest.fixture(autouse=True)
def bounded():
    """A process that asks for more memory than this fails, whatever the machine has."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    before = resource.getrlimit(resource.RLIMIT_AS)
    hard = before[1]
    soft = used + MOST_BYTES
    most = soft if hard == resource.RLIM_INFINITY else min(soft, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@st.composite
def damaged(draw: st.DrawFn, wholes: list[bytes]) -> bytes:
    """One of some files with a few bytes changed, cut, repeated, or none of it left."""
    data = bytearray(draw(st.sampled_from(wholes)))
    for _ in range(draw(st.integers(1, 4))):
        # Headers stand at the beginning, those of zip files also at the end.
        near = draw(st.sampled_from(["start", "end", "anywhere"]))
        reach = min(len(data), 128) if near != "anywhere" else len(data)
        at = draw(st.integers(0, max(0, reach - 1)))
        at = len(data) - 1 - at if near == "end" else at
        what = draw(st.sampled_from(["byte", "number", "cut", "insert", "repeat", "garbage"]))
        if what == "byte":
            data[at : at + 1] = bytes([draw(st.integers(0, 255))])
        elif what == "number":
            size = draw(st.sampled_from([2, 4, 8]))
            data[at : at + size] = draw(st.binary(min_size=size, max_size=size))
        elif what == "cut":
            del data[at:]
        elif what == "insert":
            data[at:at] = draw(st.binary(max_size=16))
        elif what == "repeat":
            data[at:at] = data[:at]
        else:
            data = bytearray(draw(st.binary(max_size=64)))
    return bytes(data)


def taken_or_told(read: Callable[[], object], folder: Path) -> None:
    """Reads within the time, tells one sentence, and changes nothing in or beside the folder."""
    before = sorted(folder.parent.rglob("*"))
    start, told = time.perf_counter(), ""
    try:
        read()
    except UsageError as error:
        told = str(error)
    assert "\n" not in told
    assert len(told) < 1_000
    assert time.perf_counter() - start < MOST_SECONDS
    assert sorted(folder.parent.rglob("*")) == before


def npz(**arrays: np.ndarray) -> list[bytes]:
    plain, packed = io.BytesIO(), io.BytesIO()
    np.savez(plain, **arrays)
    np.savez_compressed(packed, **arrays)
    return [plain.getvalue(), packed.getvalue()]


def idx(array: np.ndarray) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


def pictures() -> list[bytes]:
    kinds = [("PNG", {}), ("PNG", {"transparency": 3}), ("JPEG", {}), ("GIF", {}), ("BMP", {})]
    kinds += [("WEBP", {"lossless": True}), ("PPM", {}), ("TIFF", {})]
    kinds += [("TIFF", {"compression": "tiff_lzw"})]
    exif = Image.Exif()
    exif[0x0112] = 6
    found = []
    for kind, more in kinds:
        file = io.BytesIO()
        with_exif = {"exif": exif} if kind in {"PNG", "JPEG", "WEBP", "TIFF"} else {}
        Image.fromarray(X[0]).save(file, kind, **more, **with_exif)
        found.append(file.getvalue())
    return found


SUFFIXES = [".png", ".jpg", ".gif", ".tif", ".ppm"]


@settings(max_examples=examples(2_000))
@given(data=damaged(npz(x=X, y=Y)))
def test_damaged_arrays(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "arrays" / "a.npz"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    taken_or_told(lambda: load(f"npz:{path}"), path.parent)
    taken_or_told(lambda: read_npz(path), path.parent)


@settings(max_examples=examples(2_000))
@given(
    images=damaged([idx(X), gzip.compress(idx(X))]), labels=damaged([idx(Y), gzip.compress(idx(Y))])
)
def test_damaged_idx_files(tmp_path: Path, images: bytes, labels: bytes) -> None:
    folder = tmp_path / "idx"
    folder.mkdir(exist_ok=True)
    for part in ("train", "t10k"):
        (folder / f"{part}-images-idx3-ubyte").write_bytes(images if part == "train" else idx(X))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(labels if part == "t10k" else idx(Y))
    taken_or_told(lambda: read_idx(folder), folder)


@settings(max_examples=examples(2_000))
@given(data=damaged(pictures()), suffix=st.sampled_from(SUFFIXES), first=st.booleans())
def test_damaged_pictures(tmp_path: Path, data: bytes, suffix: str, *, first: bool) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir(exist_ok=True)
    for file in folder.iterdir():
        file.unlink()
    Image.fromarray(X[1]).save(folder / "1.png")
    (folder / f"{0 if first else 2}{suffix}").write_bytes(data)
    taken_or_told(lambda: read_folder(folder), folder)
