"""What a data set's name says of a user's own pictures: ``folder,resize=32,gray:PATH``."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import AfterValidator

from bench.errors import UsageError
from bench.registry import closest
from bench.text import shown

KINDS = ("folder", "npz")
OPTIONS = ("resize", "gray", "background", "skip", "held_out")
LEVELS = {"white": 255, "black": 0}
"""Backgrounds by name."""

_ABSOLUTE = re.compile(r"[/\\~]|[A-Za-z]:")
"""How a path begins that says where on a machine it is, on any system."""

_LIMITS = {"resize": (4, 1024), "held_out": (1, 10**6)}
_OF_FILES = {"background", "skip"}


@dataclass(frozen=True, kw_only=True)
class OwnPictures:
    """A folder of pictures or a file of arrays, and what is done to each picture that is read.

    Attributes:
        kind: ``folder`` or ``npz``.
        path: As it was given.
        resize: Side of the square that each becomes; None leaves sizes alone.
        gray: Whether each becomes gray.
        background: What transparent pixels are laid on, ``white`` or ``black``; empty refuses them.
        skip: Whether pictures that would be refused are left out.
        held_out: Validation images, and as many for test where no test part is given; None takes
            a tenth.
    """

    kind: str
    path: str
    resize: int | None = None
    gray: bool = False
    background: str = ""
    skip: bool = False
    held_out: int | None = None

    @property
    def name(self) -> str:
        """Of the data set, for ``--dataset``."""
        said = [self.kind]
        for key in OPTIONS:
            value = getattr(self, key)
            if value:
                said.append(key if value is True else f"{key}={value}")
        return f"{','.join(said)}:{self.path}"

    @property
    def last(self) -> str:
        """Of the path, the last part; the kind where it has no name of its own."""
        parts = [part for part in re.split(r"[/\\]", self.path) if part not in ("", ".", "..", "~")]
        return parts[-1] if parts else self.kind

    @property
    def sentence(self) -> str:
        """What is done to the pictures, in their order; empty where nothing is."""
        said = []
        if self.background:
            said.append(f"transparent pixels are laid on {self.background}")
        if self.gray:
            said.append("each picture is turned to gray (luma of ITU-R BT.601)")
        if self.resize:
            side = self.resize
            said.append(
                f"each is scaled until its shorter side has {side} pixels (Pillow's Lanczos filter, "
                f"antialiased), of which the middle {side}x{side} are taken"
            )
        if self.skip:
            said.append("pictures that cannot be read are left out")
        if self.held_out:
            said.append(f"{self.held_out} are held out for validation, as many for test")
        text = "; ".join(said)
        return text and f"{text[0].upper()}{text[1:]}."


def in_order(name: str) -> str:
    """One name for one data set: options in their order; a name that says nothing stays as it is."""
    own = _own_or_none(name)
    return own.name if own else name


DatasetName = Annotated[str, AfterValidator(in_order)]
"""A data set's name, as it enters a configuration and a study's identity."""


def short_name(name: str) -> str:
    """What a reader calls a data set: ``pictures, 32 px, gray`` for a folder; others as they are."""
    own = _own_or_none(name)
    if own is None:
        return name
    size = f"{own.resize} px" if own.resize else ""
    return ", ".join(filter(None, [own.last, size, "gray" if own.gray else ""]))


def to_publish(name: str) -> str:
    """The name without where on a machine it is: of an absolute path the last part alone."""
    own = _own_or_none(name)
    if own is None or not _ABSOLUTE.match(own.path):
        return name
    return replace(own, path=own.last).name


def _own_or_none(name: str) -> OwnPictures | None:
    try:
        return own_pictures(name)
    except UsageError:  # said in words where the data set is read
        return None


def own_pictures(name: str) -> OwnPictures | None:
    """What a name says; None of one that means no pictures of a user's own.

    Raises:
        UsageError: An option that nobody knows, without its value or with a wrong one, or twice.
    """
    head, colon, path = name.partition(":")
    kind, *options = head.split(",")
    if not colon or kind not in KINDS:
        return None
    values: dict[str, int | str | bool] = {}
    for option in options:
        key, _, text = option.partition("=")
        if key not in OPTIONS:
            raise UsageError(closest(key, OPTIONS, kind="option of a data set", what="known"))
        if key in values:
            raise UsageError(f"dataset {shown(name)} says {key} twice: keep one")
        if kind == "npz" and key in _OF_FILES:
            raise UsageError(
                f"{key} is for files of pictures, and an .npz holds arrays: leave it out of {shown(name)}"
            )
        values[key] = _value(key, text)
    return OwnPictures(kind=kind, path=path, **values)  # type: ignore[arg-type]


def _value(key: str, text: str) -> int | str | bool:
    if key == "background":
        if text not in LEVELS:
            raise UsageError(f"background must be one of {', '.join(LEVELS)}, got {shown(text)}")
        return text
    if key not in _LIMITS:
        if text:
            raise UsageError(f"{key} takes no value, got {shown(text)}: write {key} alone")
        return True
    low, high = _LIMITS[key]
    if not re.fullmatch("[0-9]{1,9}", text) or not low <= int(text) <= high:
        raise UsageError(
            f"{key} must be in {low}..{high:,}, got {shown(text)}: write for example {key}=64"
        )
    return int(text)
