"""What a plugin's source says: its file and what it imports from its own folder, as digests."""

from __future__ import annotations

import ast
import hashlib
import io
import tokenize
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def sources_of(path: Path) -> dict[str, str]:
    """Digest of a file and of every one that it imports from its own folder, from file to file.

    Files are named as seen from that folder. What is imported under a name that is made while the
    file runs is not found.
    """
    home, open_files = path.parent, [path]
    found: dict[Path, str] = {}
    while open_files:
        file = open_files.pop()
        if file in found or (text := _text(file)) is None:
            continue
        found[file] = _digest(text)
        open_files += _imported(text, file, home)
    return {file.relative_to(home).as_posix(): found[file] for file in sorted(found)}


def _text(file: Path) -> str | None:
    with suppress(OSError, SyntaxError, UnicodeDecodeError), tokenize.open(file) as opened:
        return opened.read()
    return None


def _digest(text: str) -> str:
    """Of what runs: comments, blank lines and ends of lines do not count."""
    lines = text.splitlines()
    with suppress(tokenize.TokenError, SyntaxError):
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                lines[token.start[0] - 1] = lines[token.start[0] - 1][: token.start[1]]
    said = "\n".join(line.rstrip() for line in lines if line.strip())
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _imported(text: str, file: Path, home: Path) -> Iterator[Path]:
    """Files below ``home`` that what is imported may lie in, whether they are there or not."""
    with suppress(SyntaxError, ValueError, IndexError):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield from _places(home, home, alias.name)
            elif isinstance(node, ast.ImportFrom):
                base = ([home, *file.parents] if node.level else [home])[node.level]
                for alias in node.names:
                    name = ".".join(filter(None, (node.module, alias.name)))
                    yield from _places(home, base, name)


def _places(home: Path, base: Path, name: str) -> Iterator[Path]:
    """``a.b`` to ``a.py``, ``a/__init__.py``, ``a/b.py`` and ``a/b/__init__.py``."""
    place = base
    for part in name.split("."):
        place /= part
        for path in (place.with_name(f"{part}.py"), place / "__init__.py"):
            if path.is_relative_to(home):
                yield path
