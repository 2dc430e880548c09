"""``report.html``: the report as one file that needs no other, pictures and looks included."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token

HTML = "report.html"

Render = Callable[[Sequence[Token]], str]

_SCRIPT = """
"use strict";
const number = (cell) => {
  const found = cell.textContent.replace(/,(?=\\d{3})/g, "").match(/-?\\d+(\\.\\d+)?/);
  return found ? Number(found[0]) : NaN;
};
const order = (i, up) => (a, b) => {
  const [x, y] = [number(a.cells[i]), number(b.cells[i])];
  if (Number.isNaN(x) || Number.isNaN(y)) {
    if (Number.isNaN(x) !== Number.isNaN(y)) return Number.isNaN(x) ? 1 : -1;
    return up * a.cells[i].textContent.localeCompare(b.cells[i].textContent);
  }
  return up * (x - y);
};
for (const head of document.querySelectorAll("th")) {
  const body = head.closest("table").tBodies[0];
  if (!body || body.rows.length < 2) continue;
  const sort = () => {
    const up = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up > 0 ? "ascending" : "descending");
    body.append(...[...body.rows].sort(order(head.cellIndex, up)));
  };
  head.tabIndex = 0;
  head.classList.add("sorts");
  head.addEventListener("click", sort);
  head.addEventListener("keydown", (event) => { if (event.key === "Enter") sort(); });
}
const reveal = () => {
  const at = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let box = at; box; box = box.parentElement) if (box.tagName === "DETAILS") box.open = true;
};
addEventListener("hashchange", reveal);
addEventListener("beforeprint", () => { for (const box of document.querySelectorAll("details")) box.open = true; });
reveal();
"""
"""Sorts a table by the column that is clicked, and opens what a link or a printer asks for."""

_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; script-src 'sha256-"
    f"{base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode('ascii')}'"
)
"""The page runs that script alone and loads nothing, whatever stands in it."""

_STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { background: #fff; color: #1a1a1a; font: 1rem/1.45 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
  margin: 0 auto; max-width: 82rem; padding: .75rem 1.25rem 4rem; }
h1, h2, h3 { line-height: 1.25; margin: 0; }
h1 { font-size: 1.35rem; margin-bottom: .5rem; }
h2 { font-size: 1.1rem; }
h3 { font-size: 1rem; }
p, li { overflow-wrap: anywhere; }
p { margin: .5em 0; }
details p, details li { max-width: 60rem; }
a { color: #0b57a4; }
code { background: #f2f2f2; border-radius: 3px; font: .9em ui-monospace, "DejaVu Sans Mono", monospace; padding: .1em .25em; }
pre { background: #f2f2f2; overflow-x: auto; padding: .75rem; }
pre code { padding: 0; }
blockquote { background: #fff6dd; border-left: 4px solid #b58900; margin: .5em 0; padding: .1em 1em; }
.screen { align-items: start; display: grid; gap: .5rem 1.75rem; grid-template: auto 1fr / minmax(0, 1fr) minmax(0, 1fr); margin-bottom: 1.25rem; }
.screen > .beside { grid-row: span 2; }
.screen > .wide { grid-column: 1 / -1; }
.screen h2 { clip-path: inset(50%); height: 1px; overflow: hidden; position: absolute; width: 1px; }
.screen h3 { color: #444; font-size: .85rem; }
.screen p { font-size: .92rem; }
.screen section p { color: #444; font-size: .8rem; line-height: 1.35; }
section.wide img { max-height: 18rem; max-width: 100%; }
details { border-top: 1px solid #ccc; padding: .45rem 0; }
details details { border: 0; padding: .25rem 0 .25rem 1rem; }
summary { cursor: pointer; }
summary > h2, summary > h3 { display: inline; }
.table { margin: .5em 0 1em; max-width: 100%; overflow-x: auto; }
.table:focus-visible, th:focus-visible { outline: 2px solid #0b57a4; }
table { border-collapse: collapse; font-size: .8rem; font-variant-numeric: tabular-nums; line-height: 1.3; }
th, td { border-bottom: 1px solid #ddd; padding: .25em .5em; text-align: left; vertical-align: top; }
th { border-bottom: 2px solid #555; vertical-align: bottom; }
table:has(th:nth-child(11)) { font-size: .7rem; }
table:has(th:nth-child(11)) :is(th, td) { padding: .2em .25em; }
th[title] { text-decoration: underline dotted #888; text-underline-offset: 3px; }
th.sorts { cursor: pointer; }
th[aria-sort]::after { content: " \\25B2"; font-size: .7em; }
th[aria-sort="descending"]::after { content: " \\25BC"; }
th code, td code { background: none; padding: 0; }
tbody tr:nth-child(even) { background: #f7f7f7; }
img { display: block; height: auto; image-rendering: auto; max-width: 100%; }
@media (max-width: 60rem) { .screen { display: block; } }
@media print {
  body { font-size: 9.5pt; max-width: none; padding: 0; }
  h2, h3, summary { break-after: avoid; }
  img, tr { break-inside: avoid; }
  details::details-content { content-visibility: visible; height: auto; }
  .table { overflow: visible; }
  table { font-size: 7pt; }
  th, td { padding: .2em .35em; }
  th code, td code { overflow-wrap: anywhere; }
}
"""

_SCROLLED = '<div class="table" tabindex="0" role="region" aria-label="table, may scroll">'

_LINKS = re.compile(r"#|https?://|(?:\.\./)?\w[\w.%-]*(?:/\w[\w.%-]*)*$", re.IGNORECASE)

_GLOSSARY = "Glossary"
"""The section whose first table says what the words above columns mean."""


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
    _explain(tokens)

    def render(some: Sequence[Token]) -> str:
        text = str(parser.renderer.render(some, parser.options, {}))
        return text.replace("<table>", f"{_SCROLLED}<table>").replace("</table>", "</table></div>")

    top, *chapters = _split(tokens, "h2")
    screen, *folded = chapters or [[]]
    title = next((text for level, text in headings if level == "h1"), "Report")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"{_screen(top, screen, render)}{''.join(_folded(each, 'h3', render) for each in folded)}"
        f"</main>\n<script>{_SCRIPT}</script>\n</body>\n</html>\n"
    )


def _split(tokens: Sequence[Token], level: str) -> list[list[Token]]:
    """What stands before the first heading of a level, then each with what stands under it."""
    parts: list[list[Token]] = [[]]
    for token in tokens:
        if token.type == "heading_open" and token.tag == level:
            parts.append([])
        parts[-1].append(token)
    return parts


def _screen(top: Sequence[Token], first: Sequence[Token], render: Render) -> str:
    """The words, and beside and below them the parts of the first section."""
    heading, *parts = _split(first, "h3")
    pictured = [any(_is_picture(token) for token in part) for part in parts]
    boxes = [f'<div class="words">\n{render([*top, *heading])}</div>\n']
    for i, part in enumerate(parts):
        # The first picture stands beside the words, another has the page's width.
        where = f' class="{"wide" if any(pictured[:i]) else "beside"}"' if pictured[i] else ""
        boxes.append(f"<section{where}>\n{render(part)}</section>\n")
    return f'<div class="screen">\n{"".join(boxes)}</div>\n'


def _folded(tokens: Sequence[Token], below: str, render: Render) -> str:
    """A heading that opens what stands under it; open where that begins with a picture."""
    own, *parts = _split(tokens, below) if below else [list(tokens)]
    begins_with_picture = len(own) > 4 and _is_picture(own[4])
    inside = "".join(_folded(part, "", render) for part in parts)
    return (
        f"<details{' open' if begins_with_picture else ''}>\n<summary>{render(own[:3]).strip()}"
        f"</summary>\n{render(own[3:])}{inside}</details>\n"
    )


def _is_picture(token: Token) -> bool:
    return any(child.type == "image" for child in token.children or [])


def _named(tokens: Sequence[Token]) -> list[tuple[str, str]]:
    """Gives each heading an id of its own; their levels and texts."""
    found: dict[str, tuple[str, str]] = {}
    for token, inline in pairwise(tokens):
        if token.type == "heading_open":
            name = re.sub(r"[^a-z0-9]+", "-", inline.content.lower()).strip("-")
            name = name if name not in found else f"{name}-{len(found)}"
            token.attrSet("id", name)
            found[name] = token.tag, inline.content.replace("`", "")
    return list(found.values())


def _prepare(tokens: Sequence[Token], pictures: Mapping[str, bytes]) -> None:
    """Pictures inside, links that are safe, and long names in tables that may break."""
    is_cell = False
    for token in tokens:
        if token.type == "th_open":
            token.attrSet("scope", "col")
        if token.type in {"th_open", "td_open", "inline"}:
            is_cell = token.type != "inline" or is_cell
        if token.type in {"th_close", "td_close"}:
            is_cell = False
        for child in token.children or []:
            if child.type == "image":
                _put_inside(child, pictures.get(str(child.attrGet("src"))))
            if child.type == "link_open" and not _LINKS.match(str(child.attrGet("href"))):
                del child.attrs["href"]
            if child.type == "code_inline" and is_cell:
                named = html.escape(child.content).replace("_", "_<wbr>")
                child.type, child.content = "html_inline", f"<code>{named}</code>"


def _explain(tokens: Sequence[Token]) -> None:
    """What the glossary says of a column's words becomes the title of its heading."""
    known = _glossary(tokens)
    for token, inline in pairwise(tokens):
        if token.type == "th_open":
            words = _plain(inline)
            said = [f"{word}: {meaning}" for word, meaning in known.items() if _has(words, word)]
            if said:
                token.attrSet("title", "\n".join(said))


def _glossary(tokens: Sequence[Token]) -> dict[str, str]:
    """Word to meaning, of the rows of the glossary's table; empty without one."""
    cells, is_there = [], False
    for token, inline in pairwise(tokens):
        if token.type == "heading_open":
            is_there = inline.content == _GLOSSARY
        if is_there and token.type == "td_open":
            cells.append(_plain(inline))
    return dict(zip(cells[::2], cells[1::2], strict=True))


def _plain(inline: Token) -> str:
    """Its text without markup."""
    return html.unescape(
        re.sub(r"<[^>]*>", "", "".join(child.content for child in inline.children or []))
    )


def _has(words: str, word: str) -> bool:
    """Whether a word stands in others, and not within one of them."""
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w(])", words) is not None


def _put_inside(image: Token, png: bytes | None) -> None:
    """The picture as a ``data:`` address; one that the report did not draw becomes its words."""
    if png is None:
        image.type, image.content = "text", f"({image.content})"
        return
    image.attrSet("src", f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}")
