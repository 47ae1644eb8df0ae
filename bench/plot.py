"""SVG plot of the benchmark: one bar per figure, its distance from the target."""

from html import escape
from math import log2
from typing import Any

from bench.rows import reached

WIDTH, LINE, LEFT = 900, 24, 520
REACH = 2.0  # doublings on either side of the target


def plot(lines: list[dict[str, Any]]) -> str:
    """Return the SVG. Bars to the right are better than the target, to the left worse; a full bar is a factor of 4."""
    shown = [line for line in lines if line["target"] is not None and line["ratio"] > 0]
    height = LINE * (len(shown) + 2)
    middle = LEFT + (WIDTH - LEFT) / 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"',
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="{middle}" y="16" text-anchor="middle">worse ← wanted → better</text>',
        f'<line x1="{middle}" x2="{middle}" y1="22" y2="{height}" stroke="#888"/>',
    ]
    for number, line in enumerate(shown, 1):
        wanted, got = abs(line["target"]), line["ratio"]
        better = wanted / got if line["target"] < 0 else got / wanted
        length = max(-REACH, min(REACH, log2(better))) / REACH * (WIDTH - LEFT) / 2
        top = LINE * number + 4
        colour = "#3a7d5d" if reached(line) else "#b5533c"
        parts.append(f'<text x="{LEFT - 10}" y="{top + 12}" text-anchor="end">{escape(line["what"][:78])}</text>')
        left, width = min(middle, middle + length), max(abs(length), 1)
        parts.append(f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{LINE - 8}" fill="{colour}"/>')
    return "\n".join([*parts, "</svg>\n"])
