"""Rows of the benchmark table, and comparisons that other load on the machine does not distort.

Both sides are measured alternately, a short time each. Every pair gives one ratio; the row shows their median and
range. A negative target is an upper bound, as in "at most 1.2×".
"""

import statistics
from collections.abc import Callable
from typing import Any

Turn = Callable[[], float]


def row(what: str, ratio: float, target: float, detail: str, unit: str = "×") -> dict[str, Any]:
    """Return a row with one measured figure."""
    return {"what": what, "ratio": ratio, "target": target, "unit": unit, "detail": detail}


def compared(
    what: str, ours: Turn, theirs: Turn, target: float, detail: str, *, turns: int = 9, unit: str = "×"
) -> dict[str, Any]:
    """Return a row with ours ÷ theirs, measured alternately. `detail` may use the medians `{ours}` and `{theirs}`."""
    pairs = [(ours(), theirs()) for _ in range(turns)]
    ratios = sorted(our / their for our, their in pairs)
    medians = {
        "ours": statistics.median(our for our, _ in pairs),
        "theirs": statistics.median(their for _, their in pairs),
    }
    told = row(what, statistics.median(ratios), target, detail.format(**medians), unit)
    return told | {"low": ratios[0], "high": ratios[-1]}


def reached(line: dict[str, Any]) -> bool:
    """Return whether the target is met."""
    ratio, target = line["ratio"], line["target"]
    return bool(ratio <= -target if target < 0 else ratio >= target)
