"""A document of sections, tables, pictures and code, and its two forms: Markdown beside its pictures, one HTML file."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import floor, isfinite, log10

__all__ = [
    "Block", "Code", "Document", "Picture", "Points", "Section", "Table", "Text", "alike", "brief", "to_html",
    "to_markdown",
]  # fmt: skip


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Points:
    """A list of sentences."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """Rows of cells under a head; the columns from `words` on are numbers and stand to the right."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1


@dataclass(frozen=True)
class Picture:
    """A file beside the Markdown, put inside the HTML."""

    file: str
    alt: str


@dataclass(frozen=True)
class Code:
    """Text in a fixed width, of a language or of none."""

    text: str
    language: str = "text"


Block = Text | Points | Table | Picture | Code


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """A title, paragraphs and sections."""

    title: str
    blocks: tuple[Block, ...]
    sections: tuple[Section, ...]


def to_markdown(document: Document) -> str:
    """The document as GitHub's Markdown."""
    parts = [f"# {document.title}", *map(_markdown, document.blocks)]
    for section in document.sections:
        parts += [f"## {section.title}", *map(_markdown, section.blocks)]
    return "\n\n".join(parts) + "\n"


def _markdown(block: Block) -> str:
    match block:
        case Text(text):
            return text
        case Points(items):
            return "\n".join(f"- {item}" for item in items)
        case Code(text, language):
            return f"```{language}\n{text}\n```"
        case Picture(file, alt):
            return f"![{alt}]({file})"
        case Table(head, rows, words):
            lines = [[cell.replace("|", "\\|") for cell in line] for line in (head, *rows)]
            rule = ["---" if i < words else "---:" for i in range(len(head))]
            return "\n".join(f"| {' | '.join(line)} |" for line in (lines[0], rule, *lines[1:]))


STYLE = """
:root { color-scheme: light dark; --ink: #1d2129; --soft: #5b6472; --line: #d9dde3; --paper: #fff; --shade: #f5f6f8; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e3e6ea; --soft: #9aa3af; --line: #3a414b; --paper: #16191d; --shade: #1f242a; }
  img { background: #fff; padding: 6px; }
}
body { font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0; }
main { max-width: 60rem; margin: 0 auto; padding: 2.5rem 1.5rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 1rem; }
h2 { font-size: 1.2rem; margin: 2.4rem 0 .8rem; padding-top: 1rem; border-top: 1px solid var(--line); }
nav { color: var(--soft); font-size: .9rem; margin: 0 0 1.5rem; }
nav a { color: inherit; margin-right: 1rem; }
.wide { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { color: var(--soft); font-weight: 600; }
th.number, td.number { text-align: right; padding: .3rem 0 .3rem .9rem; }
td.number { white-space: nowrap; }
pre { background: var(--shade); padding: .9rem 1rem; overflow-x: auto; font-size: .85rem; line-height: 1.4; }
pre, img { border-radius: 4px; }
img { max-width: 100%; height: auto; }
"""


def to_html(document: Document, files: Mapping[str, bytes]) -> str:
    """The document as one file that needs no other, light and dark.

    Args:
        document: What is written.
        files: The content of each picture by its name; one that is missing is left out.
    """
    anchors = [(f"s{i}", section) for i, section in enumerate(document.sections)]
    links = "".join(f'<a href="#{anchor}">{escape(section.title)}</a>' for anchor, section in anchors)
    body = "".join(_html(block, files) for block in document.blocks)
    for anchor, section in anchors:
        inside = "".join(_html(block, files) for block in section.blocks)
        body += f'<section id="{anchor}"><h2>{escape(section.title)}</h2>{inside}</section>\n'
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(document.title)}</title><style>{STYLE}</style></head>\n"
        f"<body><main><h1>{escape(document.title)}</h1><nav>{links}</nav>\n{body}</main></body></html>\n"
    )


def _html(block: Block, files: Mapping[str, bytes]) -> str:
    match block:
        case Text(text):
            return f"<p>{escape(text)}</p>\n"
        case Points(items):
            return f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>\n"
        case Code(text, _):
            return f"<pre>{escape(text)}</pre>\n"
        case Picture(file, alt):
            if file not in files:
                return ""
            kind = "svg+xml" if file.endswith(".svg") else "png"
            data = base64.b64encode(files[file]).decode()
            wide = f' width="{_pixels(files[file]) * 4 // 5}"' if kind == "png" else ""  # 120 dots an inch beside 96
            return f'<p><img alt="{escape(alt)}"{wide} src="data:image/{kind};base64,{data}"></p>\n'
        case Table(head, rows, words):
            cells = _line(head, "th", words) + "".join(_line(row, "td", words) for row in rows)
            return f'<div class="wide"><table>{cells}</table></div>\n'


def _pixels(png: bytes) -> int:
    """The width that the head of a PNG file declares."""
    return int.from_bytes(png[16:20], "big")


def _line(cells: Sequence[str], tag: str, words: int) -> str:
    inside = "".join(
        f"<{tag}{'' if i < words else ' class=number'}>{escape(cell)}</{tag}>" for i, cell in enumerate(cells)
    )
    return f"<tr>{inside}</tr>"


def brief(value: float, digits: int = 4) -> str:
    """A number in so many digits, without a power of ten where that takes at most twelve places.

    Example:
        >>> brief(193028.4), brief(0.51234), brief(5e20)
        ('193000', '0.5123', '5e+20')
    """
    text = f"{value:.{digits}g}"
    return f"{float(text):.0f}" if "e+" in text and abs(value) < 1e12 else text


def alike(values: Iterable[float], digits: int = 5) -> list[str]:
    """Numbers of one column with equally many decimals: as many as show the largest in so many digits and the smallest
    in two, no more than six for the smallest, and no more than they need.

    Example:
        >>> alike([1234567.0, 0.25, -98765.4]), alike([0.5, 12.25, 100.0]), alike([3.0, -1200.0])
        (['1234567.00', '0.25', '-98765.40'], ['0.50', '12.25', '100.00'], ['3', '-1200'])
    """
    values = [*values]
    known = [v for v in values if isfinite(v)]
    largest = max(map(abs, known), default=0.0)
    whole = all(v.is_integer() for v in map(float, known))
    if not 1e-4 <= largest < 1e12 and not (whole and largest < 1e15):
        return [f"{v:.{digits - 1}e}" for v in values]
    decimals = 0
    if not whole:
        smallest = min(abs(v) for v in known if v)
        decimals = max(digits - 1 - floor(log10(largest)), min(1 - floor(log10(smallest)), 6), 0)
    cells = [f"{v:.{decimals}f}" for v in values]
    while decimals and not any(cell[-1] in "123456789" for cell in cells):
        decimals -= 1
        cells = [cell.removesuffix("0").removesuffix(".") for cell in cells]
    return cells
