"""The six payment flows as data, and a sequence diagram (SVG) of each.

The data are in `flows.toml`; the learn panel of the demo and the pages in docs/flows/ are made from them.
"""

import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

LANES = {
    "browser": ("브라우저", "browser"),
    "clock": ("매시간 실행", "hourly run"),
    "shop": ("상점 (shop/)", "the shop (shop/)"),
    "portone": ("포트원", "PortOne"),
    "kg": ("KG · 통신사", "KG · carrier"),
}
STEP_HEIGHT = 54
LANE_WIDTH = 205
LEFT = 40  # space for the step numbers
TOP = 62

# For a diagram in a file of its own; in the shop's pages the stylesheet has the same rules.
STYLE = """<style>
.paper { fill: #fff; }
.lane { stroke: #b7c4bd; stroke-width: 1.5; stroke-dasharray: 3 5; }
.head { fill: #14594b; }
.head-text { fill: #fff; font-weight: 700; text-anchor: middle; }
.arrow { stroke: #18262b; stroke-width: 1.7; fill: none; }
.tip { fill: #18262b; }
.says { fill: #18262b; stroke: #fff; stroke-width: 5; paint-order: stroke; text-anchor: middle; }
.dot { fill: #ffd25e; }
.number { fill: #2a2000; font-weight: 700; text-anchor: middle; font-size: 12px; }
text { font: 14px Pretendard, "Apple SD Gothic Neo", "Noto Sans KR", "Noto Sans CJK KR", "Malgun Gothic", sans-serif; }
</style>"""


@dataclass(frozen=True)
class Step:
    """One message. `id` is the source of the event that it writes, if any; `code` names what handles it."""

    id: str
    sender: str
    receiver: str
    ko: str
    en: str
    note_ko: str
    note_en: str
    code: tuple[str, ...]


@dataclass(frozen=True)
class Flow:
    slug: str
    ko: str
    en: str
    about_ko: str
    about_en: str
    try_ko: str
    try_en: str
    wrong_ko: tuple[str, ...]
    wrong_en: tuple[str, ...]
    who: tuple[str, ...]
    steps: tuple[Step, ...]

    def step(self, step_id: str) -> Step | None:
        return next((step for step in self.steps if step.id == step_id), None)


def _read(path: Path) -> dict[str, Flow]:
    flows = {}
    for raw in tomllib.loads(path.read_text("utf-8"))["flow"]:
        steps = tuple(
            Step(sender=step.pop("from"), receiver=step.pop("to"), code=tuple(step.pop("code")), **step)
            for step in raw.pop("step")
        )
        lists: dict[str, Any] = {name: tuple(raw.pop(name)) for name in ("who", "wrong_ko", "wrong_en")}
        flows[raw["slug"]] = Flow(steps=steps, **lists, **raw)
    return flows


FLOWS = _read(Path(__file__).with_suffix(".toml"))


def draw(flow: Flow, language: str, lit: Collection[str] = (), *, now: str | None = None, alone: bool = False) -> str:
    """Draw the flow as SVG, with the steps `lit` marked, and the latest one of them, `now`.

    `alone`: with styles, for a file of its own.
    """
    at = {lane: LEFT + LANE_WIDTH * (number + 0.5) for number, lane in enumerate(flow.who)}
    width, height = LEFT + LANE_WIDTH * len(flow.who), TOP + STEP_HEIGHT * len(flow.steps) + 14
    parts = [f'<rect class="paper" width="{width}" height="{height}"/>']
    for lane, x in at.items():
        parts.append(f'<path class="lane" d="M{x} 44V{height}"/>')
        parts.append(f'<rect class="head" x="{x - 80}" y="10" width="160" height="34" rx="8"/>')
        parts.append(f'<text class="head-text" x="{x}" y="32">{escape(LANES[lane][language == "en"])}</text>')
    for number, step in enumerate(flow.steps):
        mark = " lit now" if step.id == now else " lit" if step.id in lit else ""
        parts.append(_message(step, number, at, width, language, mark))
    style = STYLE if alone else ""
    title = escape(getattr(flow, language))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="flow" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{title}"{f" width={chr(34)}{width}{chr(34)}" if alone else ""}>{style}{"".join(parts)}</svg>'
    )


def _message(step: Step, number: int, at: dict[str, float], width: float, language: str, mark: str) -> str:
    y = TOP + STEP_HEIGHT * number + 34
    start, end = at[step.sender], at[step.receiver]
    if start == end:
        line = f"M{start} {y - 8}h34v16h-28"
        tip = f"M{end + 2} {y + 8}l9 -5v10z"
    else:
        back = 9 if end > start else -9
        line = f"M{start} {y}H{end - back}"
        tip = f"M{end} {y}l{-back} -5v10z"
    text = getattr(step, language)
    middle = (start + end) / 2 if start != end else start + 44 + _width(text) / 2
    middle = min(max(middle, LEFT + _width(text) / 2 + 4), width - _width(text) / 2 - 6)
    height = y + 5 if start == end else y - 9
    return (
        f'<g class="step{mark}"><circle class="dot" cx="20" cy="{y}" r="12"/>'
        f'<text class="number" x="20" y="{y + 4}">{number + 1}</text><path class="arrow" d="{line}"/>'
        f'<path class="tip" d="{tip}"/><text class="says" x="{middle}" y="{height}">{escape(text)}</text></g>'
    )


def _width(text: str) -> float:
    """Estimate the width of a text in pixels at font size 14: Hangul takes 14, anything else about half."""
    return sum(14 if "가" <= letter <= "힣" else 7.6 for letter in text)
