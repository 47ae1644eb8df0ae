"""`make bench`: runs the benchmarks; prints a table and writes it to docs/performance*.md, with a plot.

python -m bench                  all parts
python -m bench page talk        some parts, printed only
"""

import importlib
import os
import platform
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

from bench.plot import plot
from bench.rows import reached

ROOT = Path(__file__).parents[1]
PARTS = ("page", "view", "talk", "books", "hang", "monthly", "sandbox", "office")
REPORTS = (ROOT / "docs" / "performance.md", ROOT / "docs" / "performance.en.md")
PICTURE = ROOT / "docs" / "pictures" / "performance.svg"
BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->\n"


def main(asked: list[str]) -> int:
    lines: list[dict[str, Any]] = []
    for part in asked or PARTS:
        try:
            module = importlib.import_module(f"bench.{part}")
        except ModuleNotFoundError as error:
            if error.name != f"bench.{part}":
                raise
            continue
        began = time.monotonic()
        found = module.measure()
        lines += found
        print(f"{part}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    print(as_text(lines))
    if not asked:
        write(lines)
    return 0


def as_text(lines: list[dict[str, Any]]) -> str:
    """Format the table for a terminal."""
    width = max(len(line["what"]) for line in lines)
    return "\n".join(
        f"{'✓' if reached(line) else '·'} {line['what']:<{width}}  {figure(line):>22}  {target(line):>14}  "
        + line["detail"]
        for line in lines
    )


def figure(line: dict[str, Any]) -> str:
    spread = f" ({line['low']:.2f} to {line['high']:.2f})" if "low" in line else ""
    return f"{line['ratio']:.2f}{spread}"


def target(line: dict[str, Any]) -> str:
    unit = "" if line["unit"] == "ratio" else line["unit"]
    bound = "at most" if line["target"] < 0 else "at least"
    return f"{bound} {abs(line['target']):g}{unit if unit in ('×', 'MiB', 'ms') else ''}"


def as_markdown(lines: list[dict[str, Any]]) -> str:
    head = ("what", "median (range)", "wanted", "reached", "figures")
    rows = [
        (line["what"], figure(line), target(line), "yes" if reached(line) else "no", line["detail"]) for line in lines
    ]
    table = "".join(f"| {' | '.join(cells)} |\n" for cells in (head, ("---",) * len(head), *rows))
    return f"Measured on {date.today():%Y-%m-%d}: {machine()}.\n\n{table}"


def machine() -> str:
    told = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.partition(":")[2].strip() for line in told if "model name" in line), platform.machine())
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} × {cpu}, Python {platform.python_version()}, {platform.system()}, load {load:.1f}"


def write(lines: list[dict[str, Any]]) -> None:
    """Write the table between its marks in the documents of both languages, and write the plot."""
    for report in REPORTS:
        text = report.read_text()
        before, after = text.split(BEGIN)[0], text.split(END)[1]
        report.write_text(before + BEGIN + as_markdown(lines) + END + after)
    PICTURE.write_text(plot(lines))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
