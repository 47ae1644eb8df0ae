"""`make bench`: runs the benchmarks; prints a table and writes it to docs/performance*.md, with a plot.

python -m bench                  all parts
python -m bench page talk        some parts, printed only
"""

import importlib
import os
import platform
import sys
import time
import traceback
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from bench import scale
from bench.plot import plot
from bench.rows import reached

ROOT = Path(__file__).parents[1]
PARTS = (
    *("page", "view", "talk", "profile", "books", "callback", "workers", "hang", "monthly", "sandbox", "office"),
    *("worlds", "clone"),
)
REPORTS = (ROOT / "docs" / "performance.md", ROOT / "docs" / "performance.en.md")
PICTURE = ROOT / "docs" / "pictures" / "performance.svg"
BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->\n"
SCALE_BEGIN, SCALE_END = "<!-- scale: begin -->\n", "<!-- scale: end -->\n"


def main(asked: list[str]) -> int:
    if unknown := set(asked) - set(PARTS):
        print(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    lines, failed = measured(asked or PARTS)
    print(as_text(lines))
    if failed:
        print(f"failed, so nothing is written: {', '.join(failed)}", file=sys.stderr)
        return 1
    if not asked:
        write(lines)
    return 0


def measured(parts: Sequence[str]) -> tuple[list[dict[str, Any]], list[str]]:
    """Measure these parts; return their rows, and the names of those that failed: the others are not lost with them."""
    lines: list[dict[str, Any]] = []
    failed = []
    all_began = time.monotonic()
    for part in parts:
        began = time.monotonic()
        try:
            lines += importlib.import_module(f"bench.{part}").measure()
        except Exception:
            traceback.print_exc()
            failed.append(part)
        print(f"{part}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    print(f"all: {time.monotonic() - all_began:.0f} s", file=sys.stderr)
    return lines, failed


def as_text(lines: list[dict[str, Any]]) -> str:
    """Format the table for a terminal."""
    width = max((len(line["what"]) for line in lines), default=0)
    return "\n".join(
        f"{marked(line, '✓', '·', ' ')} {line['what']:<{width}}  {figure(line):>22}  {target(line):>14}  "
        + line["detail"]
        for line in lines
    )


def marked(line: dict[str, Any], yes: str, no: str, told: str) -> str:
    """Return one of three words: the target is reached, it is not, there is none."""
    if line["target"] is None:
        return told
    return yes if reached(line) else no


def figure(line: dict[str, Any]) -> str:
    spread = f" ({line['low']:.2f} to {line['high']:.2f})" if "low" in line else ""
    return f"{line['ratio']:.2f}{spread}"


def target(line: dict[str, Any]) -> str:
    if line["target"] is None:
        return "told"
    unit = "" if line["unit"] == "ratio" else line["unit"]
    bound = "at most" if line["target"] < 0 else "at least"
    return f"{bound} {abs(line['target']):g}{unit if unit in ('×', 'MiB', 'ms') else ''}"


def as_markdown(lines: list[dict[str, Any]]) -> str:
    head = ("what", "median (range)", "wanted", "reached", "figures")
    rows = [
        (line["what"], figure(line), target(line), marked(line, "yes", "no", "–"), line["detail"]) for line in lines
    ]
    table = "".join(f"| {' | '.join(cells)} |\n" for cells in (head, ("---",) * len(head), *rows))
    return f"Measured on {date.today():%Y-%m-%d}: {machine()}.\n\n{table}"


def machine() -> str:
    told = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.partition(":")[2].strip() for line in told if "model name" in line), platform.machine())
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} × {cpu}, Python {platform.python_version()}, {platform.system()}, load {load:.1f}"


def write(lines: list[dict[str, Any]]) -> None:
    """Write both tables between their marks in the documents of both languages, and write the plot."""
    facts = scale.facts_of(lines)
    for report in REPORTS:
        carried = scale.as_markdown(facts, korean=".en." not in report.name)
        text = between(report.read_text(), BEGIN, END, as_markdown(lines))
        report.write_text(between(text, SCALE_BEGIN, SCALE_END, carried))
    PICTURE.write_text(plot(lines))


def between(text: str, begin: str, end: str, table: str) -> str:
    """Return the text with another table between two marks."""
    return text.split(begin)[0] + begin + table + end + text.split(end)[1]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
