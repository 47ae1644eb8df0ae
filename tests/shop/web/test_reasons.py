"""The reasons in the book of events, as the back office tells them to its reader."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask_babel import force_locale

from shop.web.reasons import PLAIN, WITH_MORE, reason_label

ROOT = Path(__file__).parents[3]
# Who writes a reason, and the position of the argument that is it.
WRITERS = {"Decision": 1, "log_event": 2, "without_report": 2, "_refused": 2, "log_event_before": 1, "acted": 1}


def written_reasons() -> Iterator[str]:
    """Every reason that the code writes by itself; `month` stands where something is put in."""
    for path in sorted(path for folder in ("payments", "shop") for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            position = (
                WRITERS.get(node.func.id) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else None
            )
            if position is not None and isinstance(node, ast.Call) and len(node.args) > position:
                yield from _texts(node.args[position])


def _texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        parts = (str(part.value) if isinstance(part, ast.Constant) else "month" for part in node.values)
        yield "".join(parts)
    elif isinstance(node, ast.BoolOp):
        for value in node.values:
            yield from _texts(value)


def test_the_reasons_that_the_code_writes_are_found() -> None:
    found = set(written_reasons())
    assert {"opened", "neither id is ours", "no answer: month", "cancelled at PortOne"} <= found


def test_every_reason_that_the_code_writes_has_words_in_both_languages(app: Flask) -> None:
    for reason in set(written_reasons()):
        with app.test_request_context():
            with force_locale("ko"):
                korean = reason_label(reason)
            with force_locale("en"):
                english = reason_label(reason)
        assert re.search("[가-힣]", korean), reason
        assert not re.search("[가-힣]", english), reason


def test_every_sentence_of_the_table_can_be_told(app: Flask) -> None:
    with app.test_request_context(), force_locale("en"):
        for reason in (*PLAIN, *(told.replace("{}", "amount") for told, _ in WITH_MORE)):
            assert "%(" not in reason_label(reason)


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (
            "paid, but cannot be honoured: out_of_stock",
            "결제되었지만 받을 수 없음: 기한이 지난 뒤 결제되었고 재고가 없음",
        ),
        (
            "a report of failed does not change a payment that is paid",
            "‘결제 실패’라는 답은 ‘결제 완료’인 결제를 바꾸지 않음",
        ),
        ("no answer: Read timed out", "답이 없음: Read timed out"),
        ("손님이 전화로 부탁", "손님이 전화로 부탁"),
        ("당월 한도 초과로 결제 불가합니다.", "당월 한도 초과로 결제 불가합니다."),
    ],
)
def test_keys_within_a_reason_are_named_and_others_words_stay(reason: str, told: str, app: Flask) -> None:
    with app.test_request_context(), force_locale("ko"):
        assert reason_label(reason) == told
