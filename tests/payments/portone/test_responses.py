"""Reading V1's JSON: whatever PortOne sends is a report that both databases can hold, or no answer."""

import json
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import String, Text

from payments.models import Cancellation, Event, Payment
from payments.portone.report import (
    OutcomeUnknown,
    PaymentReport,
    ProviderError,
    Refused,
    UnreadableAnswer,
    UnreadableRow,
)
from payments.portone.responses import (
    LARGEST_WON,
    LONGEST,
    Answer,
    billing_key_report,
    channel,
    listed_payment,
    payment_report,
    response_of,
    whole_number,
)
from payments.privacy import LARGEST_REPORT

from .mutations import HOSTILE, NO_JSON, Changes, as_bytes, changed, changes, hostile
from .stubs import EXAMPLES, answer


@pytest.mark.parametrize("value", [9900, 9900.0, "9900", "9900.0", "9900.00"])
def test_a_number_is_the_same_however_it_is_written(value: object) -> None:
    assert whole_number(value) == 9900


@pytest.mark.parametrize(
    "value",
    [True, None, 9900.5, "9900.5", "9,900", "-1", " 9900", "٩٩٠٠", "9" * 21, float("inf"), float("nan"), [9900]],
)
def test_what_is_no_whole_number_is_none(value: object) -> None:
    assert whole_number(value) is None


@pytest.mark.parametrize(
    ("row", "imp_uid", "merchant_uid", "field"),
    [
        ({"status": "paid", "imp_uid": "imp_1\x00", "merchant_uid": "m" * 200}, "imp_1", "m" * 40, "imp_uid"),
        ({"status": "paid", "imp_uid": "imp_1"}, "imp_1", "", "merchant_uid"),
        ({}, "", "", "status"),
    ],
)
def test_an_unreadable_row_keeps_its_ids_cleaned_and_cut_and_names_the_field(
    row: dict[str, Any], imp_uid: str, merchant_uid: str, field: str
) -> None:
    found = listed_payment(row)
    assert isinstance(found, UnreadableRow)
    assert (found.imp_uid, found.merchant_uid) == (imp_uid, merchant_uid)
    assert field in found.why


# --- every answer is a report that both databases can hold, or a ProviderError ----------------------------------------

PAID = EXAMPLES["paid_once_pc"]
PAYMENTS = set(EXAMPLES) - {"billing_key"}
CHANNEL = {"channel_key": "channel-key-1", "pg_provider": "mobilians", "pg_id": "170622040674", "sandbox": True}


def received(body: bytes, status: int = 200) -> Any:
    return response_of(Answer(requests.PreparedRequest(), status, body))


def check_storable(value: Any, most: int) -> None:
    if isinstance(value, str):
        value.encode()
        assert value.isprintable(), "a character that PostgreSQL does not take"
        assert len(value) <= most
    elif isinstance(value, int):
        assert 0 <= value < 2**31
    elif isinstance(value, datetime):
        assert datetime(2000, 1, 1, tzinfo=UTC) < value < datetime(2101, 1, 1, tzinfo=UTC)
    else:
        assert value is None


def check_report(report: PaymentReport) -> None:
    for field in fields(report):
        if field.name != "as_received":
            check_storable(getattr(report, field.name), LONGEST.get(field.name, 16))
    text = json.dumps(report.as_received, allow_nan=False, ensure_ascii=False)
    text.encode()
    assert "\\u0000" not in text
    assert len(text) <= 2 * LARGEST_REPORT  # JSON escapes what is counted once


@given(st.sampled_from(sorted(PAYMENTS)), changes(*PAID))
def test_every_mutation_of_a_payment_is_a_report_that_can_be_stored_or_no_answer(example: str, how: Changes) -> None:
    found = changed(EXAMPLES[example], how)
    try:
        report = payment_report(received(as_bytes(answer(found))))
    except ProviderError as error:
        str(error).encode()
        row = listed_payment(received(as_bytes(answer(found))))
        assert isinstance(row, UnreadableRow)
        assert max(len(row.imp_uid), len(row.merchant_uid)) <= 80
        return
    check_report(report)


@given(changes(*EXAMPLES["billing_key"], *CHANNEL))
def test_every_mutation_of_a_key_or_a_channel_can_be_stored_or_is_no_answer(how: Changes) -> None:
    parse: Callable[[Any], Any]
    for parse, example in ((billing_key_report, EXAMPLES["billing_key"]), (channel, CHANNEL)):
        try:
            report = parse(received(as_bytes(answer(changed(example, how)))))
        except ProviderError:
            continue
        for field in fields(report):
            check_storable(getattr(report, field.name), LONGEST.get(field.name, 80))


@given(changes(*answer(PAID)), st.sampled_from([200, 200, 207, 302, 400, 401, 404, 429, 500]))
def test_every_mutation_of_the_envelope_is_a_payment_or_no_answer(how: Changes, status: int) -> None:
    try:
        check_report(payment_report(received(as_bytes(changed(answer(PAID), how)), status)))
    except ProviderError as error:
        assert str(error).isprintable()
        assert len(str(error)) <= LONGEST["message"]


@pytest.mark.parametrize("body", NO_JSON)
def test_a_body_that_is_not_the_envelope_is_no_answer(body: str) -> None:
    with pytest.raises(ProviderError):
        payment_report(received(NO_JSON[body]))


@given(st.binary(max_size=200) | hostile.map(lambda name: as_bytes(HOSTILE[name])))
def test_any_bytes_are_no_answer(body: bytes) -> None:
    with pytest.raises(ProviderError):
        payment_report(received(body))


def test_a_byte_order_mark_hides_nothing() -> None:
    assert payment_report(received(b"\xef\xbb\xbf" + as_bytes(answer(PAID)))).amount == 9900


@pytest.mark.parametrize(
    ("field", "value", "read"),
    [
        ("amount", 9900.0, 9900),
        ("amount", "9900", 9900),
        ("amount", LARGEST_WON, LARGEST_WON),
        ("pg_tid", None, None),
        ("pg_tid", 1904260901100042001, "1904260901100042001"),
        ("pg_tid", ["x"], None),
        ("pg_provider", None, None),
        ("pg_provider", "mobili\x00ans", "mobilians"),
        ("fail_reason", "한" * 3000, "한" * 300),
        ("fail_reason", "\ud800한도\n초과", "한도초과"),
        ("paid_at", 0, None),
        ("paid_at", None, None),
        ("paid_at", "1788224442", datetime.fromtimestamp(1788224442, UTC)),
        ("pay_method", None, None),
        ("customer_uid", "", None),
    ],
)
def test_a_fact_is_read_as_far_as_it_can_be(field: str, value: Any, read: Any) -> None:
    report = payment_report(received(as_bytes(answer(PAID | {field: value}))))
    assert getattr(report, field) == read


@pytest.mark.parametrize("field", ["pg_tid", "pg_provider", "pay_method", "paid_at", "failed_at", "fail_reason"])
def test_a_fact_that_may_come_later_may_be_missing(field: str) -> None:
    found = {key: value for key, value in PAID.items() if key != field}
    assert getattr(payment_report(found), field) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("imp_uid", "imp_1\x00"),
        ("imp_uid", "i" * (LONGEST["imp_uid"] + 1)),
        ("imp_uid", "\ud800"),
        ("merchant_uid", "m" * (LONGEST["merchant_uid"] + 1)),
        ("merchant_uid", "m\n1"),
        ("customer_uid", "k" * (LONGEST["customer_uid"] + 1)),
        ("customer_uid", ["cuid_7_a1"]),
        ("amount", LARGEST_WON + 1),
        ("amount", -9900),
        ("cancel_amount", None),
        ("cancel_amount", 9901),
        ("paid_at", 1788224442000),
        ("paid_at", -1),
        ("paid_at", 5),
        ("paid_at", "2026-09-01"),
        ("cancelled_at", True),
        ("sandbox", "false"),
        ("sandbox", 1),
    ],
)
def test_an_id_an_amount_a_time_or_a_channel_that_does_not_fit_is_unreadable(field: str, value: Any) -> None:
    with pytest.raises(UnreadableAnswer, match=field):
        payment_report(PAID | {field: value})


@pytest.mark.parametrize("asked", [{"imp_uid": "imp_2"}, {"merchant_uid": "order-2"}])
def test_a_payment_that_was_not_asked_for_is_no_answer(asked: dict[str, str]) -> None:
    with pytest.raises(UnreadableAnswer, match=next(iter(asked))):
        payment_report(PAID, **asked)


# Where each text of a report is stored.
STORED_IN = {
    "imp_uid": [Payment.imp_uid, Cancellation.imp_uid, Event.imp_uid],
    "merchant_uid": [Payment.merchant_uid, Event.merchant_uid],
    "customer_uid": [Payment.customer_uid, Event.customer_uid],
    "pg_tid": [Payment.pg_tid],
    "pg_provider": [Payment.pg_provider],
    "fail_reason": [Payment.fail_reason, Event.reason],
    "cancel_reason": [Payment.cancel_reason, Cancellation.reason, Event.reason],
    "message": [Cancellation.answer, Event.reason],
}
LARGEST_INDEXED = 2700  # bytes of a row in a B-tree of PostgreSQL


@pytest.mark.parametrize("field", STORED_IN)
def test_the_border_cuts_no_text_longer_than_its_columns(field: str) -> None:
    for column in STORED_IN[field]:
        kind = column.type
        assert isinstance(kind, String)
        if isinstance(kind, Text):
            assert LONGEST[field] * 4 <= LARGEST_INDEXED
        else:
            assert LONGEST[field] <= (kind.length or 0)


def test_every_text_that_the_border_bounds_is_stored_or_only_compared() -> None:
    assert set(LONGEST) - set(STORED_IN) == {
        *("status", "currency", "pay_method", "channel_key", "access_token"),
        "pg_id",  # of a billing key: tests/payments/monthly/test_models.py
    }


@pytest.mark.parametrize(("code", "error"), [("0", None), (0.0, None), ("1", Refused), ([0], OutcomeUnknown)])
def test_a_code_is_a_number_however_it_is_written_and_anything_else_is_no_refusal(code: Any, error: Any) -> None:
    body = as_bytes({"code": code, "message": None, "response": PAID})
    if error is None:
        assert received(body)["amount"] == 9900
        return
    with pytest.raises(ProviderError) as caught:
        received(body)
    assert type(caught.value) is error
