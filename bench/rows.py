"""Rows of the benchmark table, and comparisons that other load on the machine does not distort.

Both sides are measured alternately, a short time each. Every pair gives one ratio; the row shows their median and
range. A negative target is an upper bound, as in "at most 1.2×"; without a target the figure is only told.
"""

import statistics
from collections.abc import Callable
from typing import Any

Turn = Callable[[], float]


def row(what: str, ratio: float, target: float | None, detail: str, unit: str = "×", **facts: float) -> dict[str, Any]:
    """Return a row with one measured figure. `facts`: what `bench.scale` computes with."""
    return {"what": what, "ratio": ratio, "target": target, "unit": unit, "detail": detail, "facts": facts}


def compared(
    what: str, ours: Turn, theirs: Turn, target: float | None, detail: str, *, turns: int = 9, fact: str = ""
) -> dict[str, Any]:
    """Return a row with ours ÷ theirs, measured alternately. `detail` may use the medians `{ours}` and `{theirs}`.

    `fact` names the median of ours among the row's facts.
    """
    pairs = [(ours(), theirs()) for _ in range(turns)]
    ratios = sorted(our / their for our, their in pairs)
    medians = {
        "ours": statistics.median(our for our, _ in pairs),
        "theirs": statistics.median(their for _, their in pairs),
    }
    facts = {fact: medians["ours"]} if fact else {}
    told = row(what, statistics.median(ratios), target, detail.format(**medians), **facts)
    return told | {"low": ratios[0], "high": ratios[-1]}


def reached(line: dict[str, Any]) -> bool:
    """Return whether the target is met, or there is none."""
    ratio, target = line["ratio"], line["target"]
    if target is None:
        return True
    return bool(ratio <= -target if target < 0 else ratio >= target)
