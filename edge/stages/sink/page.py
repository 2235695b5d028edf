"""Pieces of an HTML page that needs nothing but itself: style, tiles, tables."""

from __future__ import annotations

import html
from collections.abc import Sequence

__all__ = ["STYLE", "page", "table", "tile"]

STYLE = """
:root { color-scheme: light dark; --ground: #f6f7f9; --card: #ffffff; --ink: #1b1f24; --soft: #5f6b7a;
  --line: #dfe3e8; --accent: #2463d6; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ground: #101418; --card: #181d23; --ink: #e8ebef;
  --soft: #97a3b3; --line: #2b323b; --accent: #7cabff; --bad: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1200px; margin: 0 auto; padding: 32px 24px 64px; }
h1 { font-size: 26px; margin: 0 0 2px; letter-spacing: -0.01em; }
h2 { font-size: 18px; margin: 40px 0 12px; }
h3 { font-size: 15px; margin: 0; }
a { color: inherit; text-decoration: none; }
.soft, .note { color: var(--soft); }
.note { font-size: 13px; margin: 6px 0 0; }
.error { border-left: 4px solid var(--bad); background: var(--card); padding: 10px 14px; border-radius: 6px;
  margin: 16px 0 0; overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(130px, 1fr)); gap: 12px;
  margin-top: 22px; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 16px; }
.tile b { display: block; font-size: 24px; line-height: 1.25; font-variant-numeric: tabular-nums; }
.tile span { color: var(--soft); font-size: 13px; }
.panel { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px;
  margin-bottom: 12px; min-width: 0; }
.panel > header { display: flex; gap: 12px; align-items: baseline; margin-bottom: 10px; }
.scroll { overflow-x: auto; }
svg.lanes { display: block; width: 100%; min-width: 640px; height: auto; }
svg .tick { stroke: var(--line); stroke-width: 1; }
svg text.tick { stroke: none; fill: var(--soft); font-size: 11px; }
svg text.bar { font-size: 11px; font-weight: 600; }
svg a:hover rect { opacity: 0.8; }
.plans { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(420px, 100%), 1fr)); gap: 12px; }
.plans.wide { grid-template-columns: 1fr; }
svg.plan { display: block; width: 100%; height: auto; border-radius: 6px; }
svg .floor { fill: var(--ground); }
svg .view { fill: var(--ink); fill-opacity: 0.035; stroke: var(--soft); stroke-opacity: 0.35;
  stroke-dasharray: 4 4; }
svg polyline { fill: none; stroke-linejoin: round; stroke-linecap: round; }
svg .path { stroke-width: 2; stroke-opacity: 0.8; }
svg .way { stroke: var(--soft); stroke-opacity: 0.45; stroke-width: 5; }
svg .who:hover .path { stroke-width: 5; stroke-opacity: 1; }
svg text.end { font-size: 10px; font-weight: 700; }
svg path.camera { fill: var(--ink); }
svg text.camera { font-size: 12px; font-weight: 600; fill: var(--ink); paint-order: stroke;
  stroke: var(--ground); stroke-width: 3px; }
.smalls { display: grid; grid-template-columns: repeat(auto-fill, minmax(160px, 1fr)); gap: 8px; }
.smalls.wide { grid-template-columns: repeat(auto-fill, minmax(250px, 1fr)); }
.small { background: var(--card); border: 1px solid var(--line); border-left: 4px solid var(--mark);
  border-radius: 8px; padding: 8px; font-size: 13px; }
.small svg { display: block; width: 100%; height: auto; border-radius: 4px; }
.small span { display: flex; justify-content: space-between; margin-top: 4px; color: var(--soft); }
.small b { color: var(--ink); font-weight: 600; }
.people { display: grid; grid-template-columns: repeat(auto-fill, minmax(232px, 1fr)); gap: 12px; }
.person { background: var(--card); border: 1px solid var(--line); border-top: 4px solid var(--mark);
  border-radius: 10px; padding: 12px 14px 14px; scroll-margin-top: 16px; }
.person:target { outline: 3px solid var(--mark); }
.person > header { display: flex; justify-content: space-between; align-items: baseline; gap: 8px; }
.crops { display: grid; grid-template-columns: repeat(3, 1fr); gap: 6px; margin: 10px 0; }
.crops figure { margin: 0; min-width: 0; }
.crops img { display: block; width: 100%; height: auto; aspect-ratio: 1 / 2; object-fit: contain;
  border-radius: 6px; background: var(--ground); }
.crops figcaption { font-size: 11px; color: var(--soft); overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; }
.drawn .crops { grid-template-columns: repeat(4, 1fr); }
.generated img { outline: 2px dashed var(--bad); outline-offset: -2px; }
.generated figcaption { color: var(--bad); }
.seen { list-style: none; padding: 0; margin: 0; font-size: 13px; }
.seen li { display: flex; justify-content: space-between; gap: 8px; font-variant-numeric: tabular-nums; }
.seen li span:first-child { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 6px 10px; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--soft); font-weight: 500; font-size: 13px; }
th:first-child, td:first-child { text-align: left; }
tbody tr:last-child td { border-bottom: 0; }
footer { margin-top: 40px; color: var(--soft); font-size: 13px; }
"""


def page(title: str, body: Sequence[str]) -> str:
    """Return a whole HTML document; ``body`` is HTML, ``title`` is text."""
    head = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="generator" content="edge-reid">',
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">",
        f"<title>{html.escape(title)}</title>",
        f"<style>{STYLE}</style>",
        "</head>",
        "<body>",
        "<main>",
    ]
    return "\n".join([*head, *body, "</main>", "</body>", "</html>", ""])


def tile(number: str, caption: str) -> str:
    """Return a big number with a caption under it; both are text."""
    return f'<div class="tile"><b>{html.escape(number)}</b><span>{html.escape(caption)}</span></div>'


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; all cells are text, the first column is the row's name."""
    head = "".join(f'<th scope="col">{html.escape(column)}</th>' for column in columns)
    body = "\n".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f'<div class="panel scroll"><table><thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )
