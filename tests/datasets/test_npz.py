from __future__ import annotations

import io
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import datasets
from bench.datasets._npz import read_npz
from bench.errors import UsageError

X = np.random.default_rng(0).integers(0, 256, (100, 5, 6, 3), np.uint8)
Y = np.arange(100) % 4
GRAY = X[..., 0]


def save(path: Path, **arrays: Any) -> str:
    np.savez(path, **arrays)
    return f"npz:{path}"


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (GRAY, GRAY[:, None]),
        (GRAY[..., None], GRAY[:, None]),
        (GRAY[:, None], GRAY[:, None]),
        (X, X.transpose(0, 3, 1, 2)),
        (X.transpose(0, 3, 1, 2), X.transpose(0, 3, 1, 2)),
    ],
    ids=["NHW", "NHW1", "N1HW", "NHW3", "N3HW"],
)
def test_every_layout_becomes_channels_first(
    tmp_path: Path, x: np.ndarray, expected: np.ndarray
) -> None:
    splits = datasets.load(save(tmp_path / "a.npz", x_train=x, x_test=x[:10]))
    np.testing.assert_array_equal(splits.test.images, expected[:10])
    assert splits.test.images.flags.c_contiguous
    assert splits.spec.shape == expected.shape[1:]


def test_file_with_one_part_is_split_80_10_10(tmp_path: Path) -> None:
    name = save(tmp_path / "a.npz", x=X, y=Y)
    splits = datasets.load(name)
    assert [len(part) for part in (splits.train, splits.val, splits.test)] == [80, 10, 10]
    assert splits.spec.name == name
    assert (splits.spec.num_classes, splits.spec.levels) == (4, 256)
    assert splits.spec.class_prior == (0.25,) * 4
    assert splits.spec == datasets.load(name).spec


def test_labels_are_optional(tmp_path: Path) -> None:
    splits = datasets.load(save(tmp_path / "a.npz", x=X))
    assert splits.train.labels is None
    assert (splits.spec.num_classes, splits.spec.class_prior) == (0, ())


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.uint64])
def test_labels_of_any_integer_kind_become_int64(tmp_path: Path, dtype: type) -> None:
    splits = datasets.load(save(tmp_path / "a.npz", x=X, y=Y.astype(dtype)))
    assert splits.train.labels is not None
    assert splits.train.labels.dtype == np.int64


def test_compressed_file_gives_the_same_digest(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "b.npz", x=X, y=Y)
    plain, packed = save(tmp_path / "a.npz", x=X, y=Y), f"npz:{tmp_path / 'b.npz'}"
    assert datasets.load(plain).spec.digest == datasets.load(packed).spec.digest


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"images": X}, "has the keys images, expected x_train y_train x_test y_test or x y"),
        ({}, "has the keys none, expected x_train"),
        ({"x_train": X}, "has the keys x_train, expected"),
        ({"x": X, "y_trian": Y}, "has the keys x y_trian, expected"),
        (
            {"x_train": X, "x_test": X, "y_train": Y},
            "has the keys x_test x_train y_train, expected",
        ),
        ({"x": X / 255}, r"x has dtype float64, expected uint8 in 0\.\.255: convert it, floats"),
        ({"x": X.astype(np.int64)}, "x has dtype int64, expected uint8"),
        ({"x": X.astype(object)}, r"cannot be read \(it holds pickled objects\), expected an .npz"),
        ({"x": X[0, :, :, 0]}, r"x has shape \[5, 6\], expected \[N, H, W\], \[N, H, W, C\]"),
        ({"x": X[..., :2]}, r"x has shape \[100, 5, 6, 2\], expected \[N, H, W\]"),
        ({"x": X[None]}, r"x has shape \[1, 100, 5, 6, 3\], expected \[N, H, W\]"),
        ({"x": X[:, :3]}, "has images of 3x6 pixels, expected at least 4x4: enlarge"),
        ({"x": X[:29]}, "has 29 training images, expected at least 30: add images"),
        ({"x_train": X, "x_test": X[:, :4]}, r"train images of shape \[3, 5, 6\] and test images"),
        ({"x_train": X, "x_test": X[:0]}, "has an empty test part"),
        ({"x": X, "y": Y[:-1]}, "x has 100 images and y 99 labels, expected as many of each"),
        ({"x": X, "y": Y[:, None]}, r"y has dtype int64 and shape \[100, 1\], expected integers"),
        ({"x": X, "y": Y / 1}, r"y has dtype float64 and shape \[100\], expected integers"),
        ({"x": X, "y": Y + 1}, r"labels from 1 to 4, expected 0\.\.3 \(0 is missing\): renumber"),
        ({"x": X, "y": Y - 1}, r"labels from -1 to 2, expected 0\.\.3 \(3 is missing\): renumber"),
        ({"x": X, "y": Y * 2}, r"labels from 0 to 6, expected 0\.\.3 \(1 is missing\): renumber"),
        (
            {"x_train": X, "y_train": Y, "x_test": X, "y_test": Y + 1},
            r"has test label 4, expected 0\.\.3 as in train",
        ),
    ],
)
def test_unusable_arrays_are_refused_in_one_sentence(
    tmp_path: Path, arrays: dict[str, Any], sentence: str
) -> None:
    name = save(tmp_path / "a.npz", **arrays)
    with pytest.raises(UsageError, match=sentence) as error:
        datasets.load(name)
    assert str(tmp_path / "a.npz") in str(error.value)
    assert "\n" not in str(error.value)


def npy() -> bytes:
    file = io.BytesIO()
    np.save(file, X)
    return file.getvalue()


def npz(cut: int) -> bytes:
    file = io.BytesIO()
    np.savez(file, x=X)
    return file.getvalue()[:cut]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "cannot be read"),
        (b"no zip file at all", "cannot be read"),
        (b"PK\x03\x04 looks like one", "cannot be read"),
        (npz(cut=-30), "cannot be read"),
        (npz(cut=500), "cannot be read"),
        (npy(), "holds one bare array"),
    ],
)
def test_file_of_another_format_is_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(UsageError, match=f"a.npz' {sentence}.*expected an .npz file.*np.savez"):
        datasets.load(f"npz:{tmp_path / 'a.npz'}")


@pytest.mark.parametrize("name", ["nowhere.npz", ""])
def test_missing_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(
        UsageError, match=r"is no file: give npz:PATH with the path of an \.npz file"
    ):
        datasets.load(f"npz:{tmp_path / name}")


def member(shape: tuple[int, ...], data: bytes, descr: str = "|u1") -> bytes:
    """The bytes of an array that claims a shape."""
    file = io.BytesIO()
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + data


def zipped(path: Path, *members: tuple[str, bytes], packed: bool = False) -> Path:
    method = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", method) as archive:
        warnings.simplefilter("ignore")  # of two members of one name
        for name, data in members:
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        (
            [("x.npy", member((10**6, 10**3, 10**3), b"few"))],
            "claims 1,000,000,000,000 bytes and ho",
        ),
        ([("x.npy", member((10**12,), b"", "|S0"))], r"'x\.npy' claims 0 bytes and holds 0"),
        ([("x.npy", member((-1, -3), b"few"))], "cannot be read"),
        ([("x.npy", b"\x93NUMPY\x02\x00\xff\xff\xff\xff{}")], "damaged or another format"),
        ([("x.npy", b"\x93NUMPY\x03\x00\x04\x00\x00\x00{  }")], "damaged or another format"),
        ([("x.npy", b"\x93NUMPY\x01\x00\x04\x00(((((")], "damaged or another format"),
        ([("x", b"no array")], "damaged or another format"),
        ([("x.npy", member((0,), b"")), ("x.npy", member((0,), b""))], r"two arrays 'x\.npy'"),
        ([(f"{i}.npy", member((0,), b"")) for i in range(17)], r"cannot be read \(17 arrays\)"),
        ([("../x.npy", member((0,), b""))], r"has the keys \.\./x, expected x_train"),
        ([("a/x.npy", member((0,), b""))], "has the keys a/x, expected x_train"),
        ([("x.npy", member((2,), b"  ", "[('a', '|u1')]"))], "cannot be read"),
    ],
)
def test_array_that_claims_what_it_does_not_hold_is_refused_before_it_is_read(
    tmp_path: Path, members: list[tuple[str, bytes]], sentence: str
) -> None:
    path = zipped(tmp_path / "a.npz", *members)
    with pytest.raises(UsageError, match=sentence):
        read_npz(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.npz"]


def test_packed_file_that_would_fill_the_machine_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = zipped(tmp_path / "a.npz", ("x.npy", member((10**6, 9), bytes(9 * 10**6))), packed=True)
    assert path.stat().st_size < 20_000
    monkeypatch.setattr("bench.datasets._splits.host_memory", lambda: 10**6)
    with pytest.raises(
        UsageError, match=r"would need \d.* of memory, [\d.]+ [kM]B are there: give fewer"
    ):
        read_npz(path)


def test_arrays_in_another_order_of_bytes_are_the_same_images(tmp_path: Path) -> None:
    plain = datasets.load(save(tmp_path / "a.npz", x=X, y=Y))
    other = datasets.load(save(tmp_path / "b.npz", x=np.asfortranarray(X), y=Y.astype(">i4")))
    assert plain.spec.digest == other.spec.digest
    assert other.train.images.flags.c_contiguous


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"x": X, "y": np.where(Y == 0, np.nan, Y)}, "y has dtype float64"),
        ({"x": X, "y": Y > 1}, r"y has dtype bool and shape \[100\], expected integers"),
        ({"x": X, "y": np.uint64(2**63) + Y.astype(np.uint64)}, "has the label 922337203685477"),
        ({"x": X > 99}, "has dtype bool, expected .* truth values by 255"),
        ({"x": X.astype(np.uint16)}, "has dtype uint16, .* 16 bits by"),
        ({"x": X.astype(">u2")}, "has dtype >u2|has dtype uint16"),
        ({"x": np.zeros(3, [("a", "u1")])}, r"has dtype \[\('a', 'u1'\)\], expected uint8"),
        ({"x": X[:0]}, "has 0 training images, expected at least 30"),
        ({"x": X[:, :0]}, "has images of 0x6 pixels, expected at least 4x4"),
        ({"x": np.uint8(3)}, r"has shape \[\], expected \[N, H, W\]"),
    ],
)
def test_arrays_of_other_kinds_are_refused(
    tmp_path: Path, arrays: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        datasets.load(save(tmp_path / "a.npz", **arrays))
