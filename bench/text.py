"""Text that is shown or kept: passwords masked, what a terminal would obey shown as letters."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from urllib.parse import quote, quote_plus, unquote

MASK = "***"

_NAME = r"(?:passw(?:or)?d|passphrase|pwd|secret(?:_?key)?|token|credentials?|(?:api|access|private|account)_?key)"
"""Ends of names whose values are secrets: ``PGPASSWORD``, ``sslpassword``, ``access_token``."""

_ADDRESS = re.compile(
    r"(?i)(?<![a-z0-9+.\-])([a-z][a-z0-9+.\-]{0,30}(?:://|%3A%2F%2F))([^\s'\"`<>|]+)"
)
_USER = re.compile(r"(?is)(.*)(@|%40)(.*)")
_COLON = re.compile(r"(?i)(:|%3A)")
_ASSIGNED = re.compile(rf"(?i)({_NAME}=)(\"[^\"]*\"|'[^']*'|[^\s&#'\"`<>|]+)")
_ENCODED = re.compile(rf"(?i)({_NAME}%3D)((?:(?!%26|%23|%20)[^\s&#'\"`<>|])+)")
_ENTRY = re.compile(rf"(?i)({_NAME}['\"]\s*:\s*)('[^']*'|\"[^\"]*\")")
_HEADER = re.compile(
    r"(?i)\b((?:authorization['\"]?\s*[:=]\s*['\"]?)?(?:basic|bearer)\s+)[\w.~+/=\-]{8,}"
)

_SECRET_VARIABLE = re.compile(rf"(?i)(?!(?:old)?pwd$).*{_NAME}$")
"""``PWD`` and ``OLDPWD`` are the shell's folders."""

_SHORT, _LONG = 6, 8
"""Letters from which a secret is masked where it stands as a word, and wherever it stands."""

_GUESSABLE = {"mlflow", "optuna", "postgres", "postgresql", "bench", "sqlite", "http", "https"}
"""Passwords of examples: as words they are masked in addresses alone."""

_SHOWN = 80
"""Characters of a wrong value that are told."""

_remembered: set[str] = set()

_OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ud800-\udfff\ufff9-\uffff\U000e0000-\U000e0fff]"
)
"""Control characters but for tab and new line, changes of direction, and what is no character."""


def quiet(_: str) -> None:
    """Says nothing."""


def masked(text: str) -> str:
    """The text without passwords and tokens.

    Masked are those in addresses (``user:password@``, ``?token=``, percent-encoded as well), those
    named beside their value, those of the environment (``MLFLOW_TRACKING_TOKEN``) and what
    ``remember`` was told, wherever they stand.
    """
    text = _ADDRESS.sub(_without_password, text)
    text = _ASSIGNED.sub(rf"\1{MASK}", _ENCODED.sub(rf"\1{MASK}", text))
    text = _ENTRY.sub(rf"\1'{MASK}'", text)
    text = _HEADER.sub(rf"\1{MASK}", text)
    for secret in sorted(_known(), key=len, reverse=True):
        if secret in text:
            text = _hidden(secret, text)
    return text


def remember(address: str) -> None:
    """Keeps an address's password in mind: it is masked in whatever words it comes back."""
    _remembered.update(_passwords(address))


def printable(text: str) -> str:
    r"""The text with what a terminal would obey, or a file cannot hold, shown as ``\x1b``."""
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def one_line(text: str) -> str:
    r"""The same in one line, new lines shown as ``\n``."""
    return printable(text).replace("\n", "\\n")


def shown(value: object) -> str:
    """A wrong value as a sentence tells it: so that it can be recognised, and no longer."""
    text = repr(value) if isinstance(value, str) else ascii(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(text):,} characters)"


def without_password(address: str) -> str:
    """An address that can be opened by whoever has a password: nobody's name is in it."""
    scheme, mark, rest = address.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"


def _without_password(found: re.Match[str]) -> str:
    """An address with its password masked; to a server a name alone is a token."""
    scheme, rest = found.groups()
    name, colon, _, behind = _user(rest)
    if colon:
        return f"{scheme}{name}{colon}{MASK}{behind}"
    return f"{scheme}{MASK}{behind}" if name and scheme.lower().startswith("http") else found[0]


def _user(rest: str) -> tuple[str, str, str, str]:
    """Name, colon, password and what follows them, percent-encoded or not; all empty without any."""
    found = _USER.fullmatch(rest)
    host, slash, _ = rest.partition("/")
    # A path, or a host with its port and an @ in the path behind it.
    if not found or not host or (slash and re.fullmatch(r"[^@]*:\d+", host)):
        return "", "", "", rest
    name, colon, secret = [*_COLON.split(found[1], maxsplit=1), "", ""][:3]
    return name, colon, secret, found[2] + found[3]


def _passwords(address: str) -> set[str]:
    """What is secret in an address, in each way that it may be written."""
    found = _ADDRESS.search(address)
    name, _, secret, _ = _user(found[2]) if found else ("", "", "", "")
    secrets = {secret} - {name} | {each[2].strip("'\"") for each in _ASSIGNED.finditer(address)}
    return {way for one in secrets - {"", MASK} for way in _ways(one)}


def _ways(secret: str) -> set[str]:
    plain = unquote(secret)
    ways = {secret, plain}
    ways |= {each(plain, safe="", errors="backslashreplace") for each in (quote, quote_plus)}
    least = _LONG if plain.isdecimal() else _SHORT
    return {way for way in ways if len(way) >= least and way.lower() not in _GUESSABLE}


def _known() -> Iterator[str]:
    yield from _remembered
    for name, value in os.environ.items():
        if _SECRET_VARIABLE.match(name) and value:
            yield from _ways(value)
        elif "://" in value:
            yield from _passwords(value)


def _hidden(secret: str, text: str) -> str:
    if len(secret) >= _LONG:
        return text.replace(secret, MASK)
    return re.sub(rf"(?<![^\W_]){re.escape(secret)}(?![^\W_])", MASK, text)
