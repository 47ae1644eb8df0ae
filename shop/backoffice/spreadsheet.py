"""CSV for spreadsheets: each cell is shown as it was meant, and none is carried out as a formula."""

import csv
import io
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from payments.clock import SEOUL

BYTE_ORDER_MARK = "\ufeff"  # first in a file: Excel then reads it as UTF-8
FORMULA_BEGINS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
DIGIT = re.compile(r"\d")
NOT_A_WORD = re.compile(r"[\d\s.,:/%+()₩￦$-]+")
DATE_WORDS = {"년", "월", "일", "시", "분", "초", "오전", "오후", "am", "pm", "e"}  # e: 12e3 is a number
MONTHS = {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}


def csv_text(rows: Iterable[Iterable[Any]]) -> str:
    """Return the rows as CSV that is safe to open in a spreadsheet."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([cell(value) for value in row] for row in rows)
    return text.getvalue()


def cell(value: Any) -> str | int:
    """Format one value so that a spreadsheet shows it as it is.

    - A number stays one. A time is one of Asia/Seoul, written so that it becomes a date and time.
    - A text that begins like a formula gets an apostrophe in front: it is not carried out.
    - A text that looks like a number or a date gets a tab in front, which is not visible: it stays a text, so that an
      id keeps all its digits and `2026-11` is no first of November.
    """
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value.astimezone(SEOUL):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, int):
        return value
    text = str(value)
    if text.startswith(FORMULA_BEGINS) or text.lstrip().startswith(FORMULA_BEGINS):
        return f"'{text}"
    return f"\t{text}" if _would_be_converted(text) else text


def _would_be_converted(text: str) -> bool:
    """Whether a spreadsheet may take it for a number, a date or a time, in Korean or English.

    For example 1904260901100042001, 010-1234-5678, 2026-11, 2026년 11월, May 5, 5 pm.
    """
    if not DIGIT.search(text):
        return False
    words = NOT_A_WORD.split(text.lower())
    return all(not word or word in DATE_WORDS or word[:3] in MONTHS for word in words)
