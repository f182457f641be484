"""One HTML page: no script, no network, readable on a phone and in the dark.

A content security policy in the page forbids it to load anything, so that it opens alike offline.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from importlib import resources

from edge_ser import __version__

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def document(title: str, sections: Iterable[str], verb: str) -> str:
    """The whole page.

    Args:
        title: plain text.
        sections: HTML.
        verb: of edge-ser that made it.
    """
    style = resources.files("edge_ser.reporting").joinpath("report.css").read_text(encoding="utf-8")
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>",
            f"<style>{style}</style></head><body>",
            f"<h1>{escape(title)}</h1>",
            *sections,
            f'<footer class="soft">edge-ser {__version__}, <code>edge-ser {verb}</code></footer>',
            "</body></html>\n",
        )
    )


def table(head: str, rows: Iterable[str]) -> str:
    """A table that scrolls on its own where the screen is narrow; HTML in, HTML out."""
    return f'<div class="scroll"><table>{head}<tbody>{"".join(rows)}</tbody></table></div>'


def header(*names: str) -> str:
    """A table's head from plain column names."""
    return f"<thead><tr>{''.join(f'<th>{escape(name)}</th>' for name in names)}</tr></thead>"


def figure(caption: str, svg: str) -> str:
    """A picture with its caption."""
    return f"<figure><figcaption>{escape(caption)}</figcaption>{svg}</figure>"


def bullets(lines: Iterable[str]) -> str:
    """A list of plain lines; nothing for none."""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<ul>{items}</ul>" if items else ""
