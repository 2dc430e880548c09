"""What mkdocs is told beside its settings: formulas are set when the site is built, as MathML."""

from __future__ import annotations

import html
import re
from typing import Any

from latex2mathml.converter import convert

FORMULA = re.compile(
    r'<(span|div) class="arithmatex">(?:\\\(|\\\[)(.*?)(?:\\\)|\\\])</\1>', re.DOTALL
)


def on_page_content(content: str, **_: Any) -> str:
    """The page, whose formulas every browser shows without a script."""
    return FORMULA.sub(_as_mathml, content)


def _as_mathml(found: re.Match[str]) -> str:
    block = found[1] == "div"
    return str(convert(html.unescape(found[2].strip()), display="block" if block else "inline"))
