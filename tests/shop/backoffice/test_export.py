"""The CSV files as a spreadsheet shows them: ids with all their digits, months as months, in the reader's language."""

import csv
import io
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_babel import refresh

from payments import clock
from payments.database import db, transaction
from payments.models import Payment
from payments.monthly.models import LATER_MONTH
from payments.reconcile import Difference, compare
from shop.backoffice import admin_payments, export, spreadsheet
from shop.backoffice.listing import PaymentFilter
from shop.orders.models import User
from tests.conftest import sign_in
from tests.payments.fakes import FakeProvider
from tests.shop.bought import paid

MACHINE = ["merchant_uid", "imp_uid", "status", "amount", "cancelled_amount"]
PG_TID = "1904260901100042001"


def opened(text: str) -> str | float | datetime:
    """What Excel (Korean or English) and LibreOffice make of a cell when a CSV file is opened.

    - `=`, `+`, `-` or `@` in front: a formula, if it is no number.
    - Digits, also with commas, a point or an exponent: a number, of which fifteen digits remain.
    - Year and month, year, month and day, month and day, all with `-`, `/`, `.` or Korean words, also with a time: a
      date. Blanks around it do not matter.
    - Everything else stays a text. A tab in front is no blank: the cell stays a text.
    """
    bare = text.strip(" ")
    if re.fullmatch(r"[+-]?(\d[\d,]*\.?\d*|\.\d+)(e[+-]?\d+)?", bare, re.IGNORECASE):
        return float(f"{float(bare.replace(',', '')):.15g}")
    day = re.fullmatch(r"(\d{4})[-/.년] ?(\d{1,2})(?:[-/.월] ?(\d{1,2})일?)?월?( \d{1,2}:\d{2}(:\d{2})?)?", bare)
    if day:
        return datetime(int(day[1]), int(day[2]), int(day[3] or 1))
    if re.fullmatch(r"\d{1,2}[-/월] ?\d{1,2}일?|[a-z]{3,9} \d{1,2}|\d{1,2}:\d{2}", bare, re.IGNORECASE):
        return datetime(2026, 1, 1)
    if bare[:1] in tuple("=+-@"):
        raise AssertionError(f"{text!r} would be carried out as a formula")
    return text


def sheet(content: bytes) -> list[dict[str, str | float | datetime]]:
    """The rows by their headings, as a spreadsheet shows them; without its byte order mark Excel would read CP949."""
    assert content.startswith(b"\xef\xbb\xbf")
    heads, *rows = csv.reader(io.StringIO(content.decode("utf-8-sig")))
    return [dict(zip(heads, map(opened, row), strict=True)) for row in rows]


@pytest.fixture
def admin(client: FlaskClient, shop: Any) -> FlaskClient:
    sign_in(client, "admin@example.com")
    return client


@pytest.fixture
def month(admin: FlaskClient) -> Payment:
    """A later month, held, with all that a spreadsheet likes to change."""
    with transaction():
        payment = Payment(
            merchant_uid="sub-abc-202611-1",
            imp_uid="imp_260901100005",
            kind=LATER_MONTH,
            purchase_id="1",
            period="2026-11",
            customer_uid="2054-11-29",
            name="11월 5일",
            amount=9900,
            is_test_channel=True,
            status="paid",
            held_reason="amount",
            pg_provider="mobilians",
            pg_tid=PG_TID,
            cancel_reason="010-1234-5678",
            created_at=datetime(2026, 11, 29, 15, 30, 5, tzinfo=UTC),
        )
        db.session.add(payment)
    return payment


def test_in_a_spreadsheet_no_id_loses_a_digit_no_month_becomes_a_date_and_amounts_can_be_summed(
    admin: FlaskClient, month: Payment
) -> None:
    (row,) = sheet(admin.get("/admin/payments.csv?q=sub-abc-202611-1").get_data())
    assert [row[name] for name in MACHINE] == ["sub-abc-202611-1", "imp_260901100005", "paid", 9900.0, 0.0]
    texts = {name: str(value).strip("\t") for name, value in row.items() if isinstance(value, str)}
    assert texts["PG 거래번호 (pg_tid)"] == PG_TID
    assert texts["결제한 달"] == "2026-11"
    assert texts["빌링키 (customer_uid)"] == "2054-11-29"
    assert texts["상품"] == "11월 5일"
    assert texts["취소 이유"] == "010-1234-5678"
    assert row["시작 (서울)"] == datetime(2026, 11, 30)  # half past midnight in Seoul
    assert (row["결제 (서울)"], row["주문 번호"]) == ("", "")


def test_the_first_five_columns_are_for_programs_and_the_others_in_the_readers_language(
    admin: FlaskClient, month: Payment
) -> None:
    def first_row(language: str) -> dict[str, str | float | datetime]:
        admin.set_cookie("language", language)
        refresh()  # the test's requests share one app context, which remembers the language
        (row,) = sheet(admin.get("/admin/payments.csv?q=sub-abc-202611-1").get_data())
        assert list(row)[:5] == MACHINE
        assert row["status"] == "paid"
        return row

    korean = first_row("ko")
    assert (korean["상태"], korean["종류"]) == ("확인 필요", "월 결제")
    assert korean["보류 이유"] == "결제 금액이 주문 금액과 다름"
    english = first_row("en")
    assert (english["State"], english["Kind"]) == ("Held", "Monthly charge")
    assert not [head for head in english if re.search("[가-힣]", head)]


@pytest.mark.parametrize(
    "text",
    [PG_TID, "2026-11", "2026/11", "2026년 11월", "11월 5일", "11/5", "1-2", "May 5", "Nov-26", "5 May 2026", "12:30",
     "5 pm", "1e5", "12E3", "0123", "01012345678", "010 1234 5678", "1,234", "(123)", "₩4900", "50%", " 12", "１２"],
)  # fmt: skip
def test_a_text_that_a_spreadsheet_would_convert_stays_one(text: str) -> None:
    assert spreadsheet.cell(text) == f"\t{text}"
    assert isinstance(opened(str(spreadsheet.cell(text))), str)


@pytest.mark.parametrize(
    "text",
    ["order-20260901-0001", "imp_260901100005", "sub-abc-202611-1", "010-****-5678", "달 머그컵 외 2건", "커피 11월",
     "buyer1@example.com", "3개월 이용권", "paid", "당월 한도 초과로 결제 불가합니다.", ""],
)  # fmt: skip
def test_a_text_that_no_spreadsheet_converts_is_left_alone(text: str) -> None:
    assert spreadsheet.cell(text) == text


def test_a_strangers_number_in_the_differences_keeps_its_digits_and_each_row_says_what_to_do(
    admin: FlaskClient,
) -> None:
    foreign = Difference("theirs_only", "20261129001234567", "imp_1", "none", "paid", 0, 9900)
    (row,) = sheet((spreadsheet.BYTE_ORDER_MARK + export.differences_csv([foreign])).encode())
    assert str(row["merchant_uid"]).strip("\t") == "20261129001234567"
    assert (row["kind"], row["their_amount"], row["다른 점"]) == ("theirs_only", 9900.0, "포트원에만 있음")
    assert str(row["할 일"]).startswith("이 가게의 번호가 아닙니다.")


def test_the_report_is_a_table(provider: FakeProvider, buyer: User) -> None:
    payment = paid(provider, buyer)
    provider.reports.clear()
    header, line = export.differences_csv(compare(provider, clock.today(), clock.today())).splitlines()
    assert header == "kind,merchant_uid,imp_uid,ours,theirs,our_amount,their_amount,closed,다른 점,할 일"
    assert line.startswith(  # a minus might begin a formula
        f"ours_only,{payment.merchant_uid},{payment.imp_uid},paid,'-,{payment.amount},0,,우리에게만 있음,"
    )


def test_an_exports_rows_are_told_beforehand_unless_there_are_too_many_to_count(
    provider: FakeProvider, buyer: User
) -> None:
    for _ in range(3):
        paid(provider, buyer)
    assert [admin_payments.expected_rows(PaymentFilter(), most) for most in (2, 3)] == [None, 3]
