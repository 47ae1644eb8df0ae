"""The drawn flows speak of code that exists, in both languages."""

import ast
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from shop.demo.flows import FLOWS, LANES, Flow, draw

ROOT = Path(__file__).parents[3]
STEPS = [(flow, step) for flow in FLOWS.values() for step in flow.steps]


def functions_of(path: Path) -> set[str]:
    """Every function of a file by name, methods as `Class.method`; in a script those that it declares."""
    if path.suffix == ".js":
        return set(re.findall(r"function (\w+)\(", path.read_text()))
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{method.name}" for method in node.body if isinstance(method, ast.FunctionDef)}
    return found


@pytest.mark.parametrize(("flow", "step"), STEPS, ids=[f"{flow.slug}-{step.id}" for flow, step in STEPS])
def test_every_step_names_functions_that_exist(flow: Flow, step: object) -> None:
    for reference in step.code:  # type: ignore[attr-defined]
        name, function = reference.split()
        assert function in functions_of(ROOT / name), reference
    assert {step.sender, step.receiver} <= set(flow.who) <= set(LANES)  # type: ignore[attr-defined]


@pytest.mark.parametrize("flow", FLOWS.values(), ids=lambda flow: flow.slug)
def test_every_text_is_in_both_languages(flow: Flow) -> None:
    assert len(flow.wrong_ko) == len(flow.wrong_en)
    for one in (flow, *flow.steps):
        for name, text in vars(one).items():
            if name == "en" or name.endswith("_en"):
                assert text and not re.search("[가-힣]", str(text)), text
            if name.endswith("_ko"):
                assert re.search("[가-힣]", str(text)), text


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("flow", FLOWS.values(), ids=lambda flow: flow.slug)
def test_a_drawing_is_well_formed_and_lights_one_step(flow: Flow, alone: bool) -> None:
    picture = draw(flow, "ko", {flow.steps[1].id}, alone=alone)
    ElementTree.fromstring(picture)  # noqa: S314  # drawn by ourselves
    assert picture.count('class="step lit"') == 1
    assert ("style" in picture) == alone, "inline styles would break the content policy"
