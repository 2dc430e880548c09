"""A folder of pictures looked through, kind by kind, before it is read as a data set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.dataset_names import OwnPictures
from bench.datasets._listing import OTHER_PICTURES, contents_of, few, list_pictures
from bench.datasets._picture import CONVERTED, GRAY_16, MANY_SIZES, Refused, look_at, size_of

TRANSPARENT = "transparent"

_MODES = {
    "1": "black and white",
    "CMYK": "CMYK",
    GRAY_16: "gray of 16 bits",
    "L": "gray",
    "LA": "gray with alpha",
    "P": "palette",
    "PA": "palette with alpha",
    "RGB": "RGB",
    "RGBA": "RGB with alpha",
    "YCbCr": "RGB",
}
_BECOMES = {
    "1": "gray of levels 0 and 255",
    "L": "gray",
    "LA": "gray, every pixel is opaque",
    "P": "the colours that it names",
    "PA": "the colours that it names, every pixel is opaque",
    "RGBA": "RGB, every pixel is opaque",
    **CONVERTED,
}
_REMEDIES = {
    TRANSPARENT: "--background white (or black)",
    "several frames": "save each frame as a file",
    "damaged": "replace them",
    "too large": "--resize N",
}
USUAL_SIDES = (32, 64, 128)
MOST_LOOKED_AT = 2_000


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Pictures that are treated alike.

    Attributes:
        what: What they are.
        becomes: What is done to them, or the option or act that would have them read.
        names: Of the files, within the folder.
    """

    what: str
    becomes: str
    names: list[str] = field(default_factory=list)

    def row(self) -> list[str]:
        """Of a table."""
        return [f"{len(self.names):,}", self.what, self.becomes, f"({few(self.names)})"]


@dataclass(frozen=True, kw_only=True)
class Examined:
    """What lies in a folder.

    Attributes:
        read: Kinds that are read, the largest first.
        sizes: The sizes of those, likewise.
        refused: Kinds that are not.
    """

    read: list[Kind]
    sizes: list[Kind]
    refused: list[Kind]

    def options(self, own: OwnPictures) -> OwnPictures:
        """The same pictures with what would have all of them read, or left out."""
        kinds = {kind.what for kind in self.refused}
        sizes = next((kind for kind in self.refused if kind.what.startswith(MANY_SIZES)), None)
        others = kinds - {TRANSPARENT} - ({sizes.what} if sizes else set())
        return replace(
            own,
            resize=int(sizes.becomes.split()[1]) if sizes else own.resize,
            background=own.background or ("white" if TRANSPARENT in kinds else ""),
            skip=own.skip or bool(others),
        )


def examine(path: Path, how: OwnPictures) -> Examined:
    """Looks at every picture.

    Raises:
        UsageError: An unclear layout of folders, as when it is read.
    """
    read: dict[str, Kind] = {}
    sizes: dict[str, Kind] = {}
    refused: dict[str, Kind] = {}
    shapes: list[tuple[int, int]] = []
    files, no_pictures = _files(path)
    for file in no_pictures:
        if (suffix := file.suffix.lower()) in OTHER_PICTURES:
            kind = Kind(what=f"{suffix} pictures", becomes="convert them")
            refused.setdefault(suffix, kind).names.append(str(file.relative_to(path)))
    for file in files:
        name = str(file.relative_to(path))
        try:
            mode, height, width = look_at(file, how)
        except Refused as reason:
            remedy = _REMEDIES.get(reason.kind, "convert them to 8 bits per channel")
            refused.setdefault(reason.kind, Kind(what=reason.kind, becomes=remedy)).names.append(
                name
            )
            continue
        what, becomes = _MODES[mode], _BECOMES.get(mode, "as they are")
        if how.background and mode in {"LA", "PA", "RGBA", "P"}:
            becomes = f"laid on {how.background} where they are transparent"
        read.setdefault(what, Kind(what=what, becomes=becomes)).names.append(name)
        size, done = f"{height}x{width}", _resized(height, width, how)
        sizes.setdefault(size, Kind(what=size, becomes=done)).names.append(name)
        shapes.append((height, width))
    if len(sizes) > 1 and not how.resize:
        first = next(iter(sizes))
        others = [name for size, kind in sizes.items() if size != first for name in kind.names]
        refused[MANY_SIZES] = Kind(
            what=f"{MANY_SIZES} ({first})", becomes=f"--resize {_side(shapes)}", names=others
        )
    return Examined(read=_by_number(read), sizes=_by_number(sizes), refused=_by_number(refused))


def ways_to_read(path: Path, own: OwnPictures, refused: Refused) -> list[OwnPictures]:
    """The same folder as data sets that can be read, of which one picture was refused as it is.

    Looks at the sizes of ``MOST_LOOKED_AT`` pictures at most. To leave pictures out is no way where
    that leaves few of them.
    """
    files, _ = _files(path)
    some = files[:: -(-len(files) // MOST_LOOKED_AT)]
    sizes = [size for file in some if (size := size_of(file))]
    counts = Counter(sizes)
    sized = replace(own, resize=_side(sizes)) if len(counts) > 1 and not own.resize else own
    if refused.kind == MANY_SIZES:
        is_whole = len(sizes) == len(some)
        ways, kept = (
            [replace(sized, skip=own.skip or not is_whole)],
            counts[sizes[0]] if sizes else 0,
        )
        skipping = replace(own, skip=True)
    else:
        ways, kept = [replace(sized, **refused.reading)] if refused.reading else [], len(sizes)
        skipping = replace(sized, skip=True)
    return [*ways, *([skipping] if kept * 2 > len(some) and not own.skip else [])]


def _files(path: Path) -> tuple[list[Path], list[Path]]:
    """Every picture, in the order in which they are read, and every other file."""
    parts = [path]
    if {folder.name for folder in contents_of(path, skip=True).folders} == {"train", "test"}:
        parts = [path / "train", path / "test"]
    found = [list_pictures(part, skip=True) for part in parts]
    return [f for each in found for f in each.files], [f for each in found for f in each.others]


def _resized(height: int, width: int, how: OwnPictures) -> str:
    side = how.resize
    if not side or (height, width) == (side, side):
        return "as they are"
    return "made smaller" if min(height, width) >= side else "enlarged, which adds no detail"


def _side(shapes: Sequence[tuple[int, int]]) -> int:
    """The usual side nearest to what most pictures have."""
    shorter = sorted(min(shape) for shape in shapes)
    middle = shorter[len(shorter) // 2]
    return min(USUAL_SIDES, key=lambda side: abs(side - middle))


def _by_number(kinds: dict[str, Kind]) -> list[Kind]:
    return sorted(kinds.values(), key=lambda kind: -len(kind.names))
