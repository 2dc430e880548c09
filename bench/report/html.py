"""``report.html``: the report as one file that needs no other, pictures and looks included."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token

HTML = "report.html"

_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'"
)
"""The page runs no script and loads nothing, whatever stands in it."""

_STYLE = """
:root { color-scheme: light; }
body { background: #fff; color: #1a1a1a; font: 1rem/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
  margin: 0 auto; max-width: 68rem; padding: 1rem 1.25rem 4rem; }
h1, h2, h3 { line-height: 1.25; margin: 2em 0 .6em; }
h1 { margin-top: .5em; }
h2 { border-bottom: 1px solid #ccc; padding-bottom: .2em; }
p, li { max-width: 48rem; overflow-wrap: anywhere; }
a { color: #0b57a4; }
code { background: #f2f2f2; border-radius: 3px; font: .9em ui-monospace, "DejaVu Sans Mono", monospace; padding: .1em .25em; }
pre { background: #f2f2f2; overflow-x: auto; padding: .75rem; }
pre code { padding: 0; }
blockquote { background: #fff6dd; border-left: 4px solid #b58900; margin: 1em 0; padding: .1em 1em; }
nav ul { columns: 2; list-style: none; padding: 0; }
.table { margin: 1em 0; overflow-x: auto; }
.table:focus-visible { outline: 2px solid #0b57a4; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid #ddd; padding: .3em .6em; text-align: left; vertical-align: top; white-space: nowrap; }
td.text { min-width: 14rem; white-space: normal; }
th { border-bottom: 2px solid #555; vertical-align: bottom; white-space: normal; }
tbody tr:nth-child(even) { background: #f7f7f7; }
img { display: block; height: auto; image-rendering: auto; max-width: 100%; }
@media print {
  body { font-size: 9.5pt; max-width: none; padding: 0; }
  nav { display: none; }
  h2, h3 { break-after: avoid; }
  img, tr { break-inside: avoid; }
  .table { overflow: visible; }
  table { font-size: 7pt; }
  th, td, td.text { min-width: 0; padding: .2em .35em; white-space: normal; }
  th code, td code { overflow-wrap: anywhere; padding: 0; }
}
"""

_SCROLLED = '<div class="table" tabindex="0" role="region" aria-label="table, may scroll">'

_LINKS = re.compile(r"#|https?://|(?:\.\./)?\w[\w.%-]*(?:/\w[\w.%-]*)*$", re.IGNORECASE)

_LONG = 40
"""Letters from which a cell is text that may break into lines."""


def to_html(markdown: str, pictures: Mapping[str, bytes]) -> str:
    """The page of a report's markdown.

    Its pictures are put inside: those alone, of another its words are shown. Links lead to
    headings, to files of the report and the card beside it, and to http addresses.

    Args:
        markdown: Of the ``README.md``.
        pictures: Address in the markdown to PNG bytes.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(markdown)
    headings = _named(tokens)
    _prepare(tokens, pictures)
    body = parser.renderer.render(tokens, parser.options, {})
    body = body.replace("<table>", f"{_SCROLLED}<table>").replace("</table>", "</table></div>")
    title = next((text for level, _, text in headings if level == "h1"), "Report")
    answer, heading, sections = body.partition("<h2")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"{answer}{_contents(headings)}{heading}{sections}</main>\n</body>\n</html>\n"
    )


def _named(tokens: Sequence[Token]) -> list[tuple[str, str, str]]:
    """Gives each heading an id of its own; their levels, ids and texts."""
    found: list[tuple[str, str, str]] = []
    for token, inline in pairwise(tokens):
        if token.type == "heading_open":
            name = re.sub(r"[^a-z0-9]+", "-", inline.content.lower()).strip("-")
            taken = [one for _, one, _ in found]
            name = name if name not in taken else f"{name}-{len(taken)}"
            token.attrSet("id", name)
            found.append((token.tag, name, inline.content.replace("`", "")))
    return found


def _prepare(tokens: Sequence[Token], pictures: Mapping[str, bytes]) -> None:
    """Pictures inside, links that are safe, and room for cells that hold sentences."""
    for token, inline in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "th_open":
            token.attrSet("scope", "col")
        if token.type == "td_open" and inline is not None and len(inline.content) > _LONG:
            token.attrJoin("class", "text")
        for child in token.children or []:
            if child.type == "image":
                _put_inside(child, pictures.get(str(child.attrGet("src"))))
            if child.type == "link_open" and not _LINKS.match(str(child.attrGet("href"))):
                del child.attrs["href"]


def _put_inside(image: Token, png: bytes | None) -> None:
    """The picture as a ``data:`` address; one that the report did not draw becomes its words."""
    if png is None:
        image.type, image.content = "text", f"({image.content})"
        return
    image.attrSet("src", f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}")


def _contents(headings: Sequence[tuple[str, str, str]]) -> str:
    """Links to the sections."""
    links = [
        f'<li><a href="#{name}">{html.escape(text)}</a></li>'
        for level, name, text in headings
        if level == "h2"
    ]
    if not links:
        return ""
    return "\n".join(['<nav aria-label="Sections">', "<ul>", *links, "</ul>", "</nav>", ""])
