"""The texts of messages to buyers: each kind in both languages, links by PUBLIC_URL, numbers masked."""

import re
from typing import Any, NamedTuple

import pytest
from flask import Flask

from payments.database import db, reading, transaction
from shop.orders import cart
from shop.orders.messages import Message
from shop.orders.models import Order, User
from shop.web.message_text import LONGEST_SUBJECT, text_of
from tests.conftest import product
from tests.payments.fakes import FakeProvider
from tests.shop.bought import paid

# Of each kind: its facts, and what its text says in Korean and in English.
MONEY = {"amount": 12900}
CASES: list[tuple[str, dict[str, Any], str, str]] = [
    ("paid", {**MONEY, "at": "2054-11-15 12:00", "day": 15, "pg_tid": "T-77"}, "12,900원이 휴대폰 요금에", "Thank you"),
    (
        "paid",
        {**MONEY, "at": "2054-12-15 09:00", "day": 15, "pg_tid": "T-78", "month": 12, "next": "2055-01-15"},
        "12월분 12,900원이 휴대폰 요금에",
        "Next charge: 2055-01-15",
    ),
    (
        "cancelled",
        {**MONEY, "by_bank": False, "was_paid": True},
        "주문이 취소되어 결제하신 12,900원을",
        "was cancelled",
    ),
    ("refunded", {**MONEY, "by_bank": True, "was_paid": True}, "계좌로 보내 드렸습니다", "to your bank account"),
    ("refunded", {**MONEY, "by_bank": False, "was_paid": False}, "이 주문에 쓸 수 없어", "could not be used"),
    ("refunded", {**MONEY, "by_bank": False, "duplicate": True}, "두 번 결제되어", "was paid twice"),
    ("refunded", {**MONEY, "by_bank": False, "month": 12}, "12월분으로 결제된", "for month 12 was returned"),
    ("charge_soon", {**MONEY, "day": "2054-12-15"}, "결제일: 2054-12-15", "Charge day: 2054-12-15"),
    (
        "declined",
        {**MONEY, "month": 12, "last": "2054-12-20", "why": "당월 한도 초과"},
        "2054-12-20까지",
        "by 2054-12-20",
    ),
    ("declined", {**MONEY, "month": 12, "last": "2054-12-20", "why": "모르는 이유"}, "모르는 이유", "모르는 이유"),
    ("declined", {**MONEY, "month": 12, "last": "2054-12-20", "why": None}, "저절로 결제됩니다", "by itself"),
    ("ended", {"reason": "by_buyer"}, "이미 결제하신 달까지", "until the paid month is over"),
    (
        "sent",
        {"carrier": "CJ", "tracking_number": "6012-3456"},
        "운송장 번호: 6012-3456",
        "Tracking number: 6012-3456",
    ),
    ("sent", {"carrier": None, "tracking_number": None}, "발송했습니다", "was sent"),
    ("sent", {"carrier": "A", "tracking_number": "1", "corrected": True}, "바로잡았습니다", "was corrected"),
    ("cancel_declined", {"reason": "모르는 이유"}, "사유: 모르는 이유", "Reason: 모르는 이유"),
    ("ended", {"reason": "missed"}, "기한 안에 결제되지 않아", "Nothing more will be charged"),
]


@pytest.fixture
def order(provider: FakeProvider, buyer: User) -> Order:
    """An order of two things."""
    cart.put_in_cart(buyer.id, product(digital=False).id, 1)
    return db.session.get_one(Order, int(paid(provider, buyer).purchase_id))


class Text(NamedTuple):
    sender: str
    subject: str
    body: str


def written(order: Order, kind: str, language: str, facts: dict[str, Any]) -> Text:
    with transaction():
        row = Message(kind=kind, order_id=order.id, language=language, facts=facts)
        db.session.add(row)
    with reading():
        return Text(*text_of(db.session.get_one(Message, row.id)))


def test_every_kind_has_a_case() -> None:
    assert {kind for kind, *_ in CASES} == set(Message.KINDS)


@pytest.mark.parametrize(("kind", "facts", "korean", "english"), CASES)
def test_message_is_written_in_its_language(
    order: Order, kind: str, facts: dict[str, Any], korean: str, english: str
) -> None:
    ko, en = written(order, kind, "ko", facts), written(order, kind, "en", facts)
    assert (ko.sender, en.sender) == ("달곰상점", "Dalgom")
    assert ko.subject.startswith("[달곰상점] ") and ko.subject.endswith(f": {order.lines[0].name_ko} 외 1건")
    assert en.subject.startswith("[Dalgom] ") and en.subject.endswith(f": {order.lines[0].name_en} and 1 more")
    assert korean in ko.body
    assert english in en.body
    own = en.body.replace(order.buyer_name, "").replace("모르는 이유", "")
    assert not re.search("[가-힣]", en.subject + own)
    for text in (ko, en):
        assert "\n\n\n" not in text.body and "None" not in text.body
        assert ("12,900" in text.body) == ("amount" in facts)


@pytest.mark.parametrize("language", ["ko", "en"])
def test_links_lead_to_the_public_address(order: Order, language: str) -> None:
    paid_text = written(order, "paid", language, {**MONEY, "at": "", "day": 1, "pg_tid": None}).body
    plan_text = written(order, "charge_soon", language, {**MONEY, "day": "2054-12-15"}).body
    assert set(re.findall(r"http\S+", paid_text + plan_text)) == {
        "http://127.0.0.1:5000/",
        f"http://127.0.0.1:5000/orders/{order.id}",
        "http://127.0.0.1:5000/subscriptions",
    }


def test_a_later_months_mail_leads_to_the_plans_and_names_whom_to_ask_for_a_cancel(order: Order) -> None:
    facts = {**MONEY, "at": "", "day": 15, "pg_tid": None, "month": 12, "next": "2055-01-15"}
    body = written(order, "paid", "ko", facts).body
    assert "결제한 달 안에 고객센터(02-000-0000)로 문의" in body
    assert "/subscriptions" in body and "/orders/" not in body


def test_links_inside_a_request_do_not_follow_its_host(app: Flask, order: Order) -> None:
    with app.test_request_context("/", base_url="http://forged.example"):
        assert "forged" not in written(order, "ended", "ko", {"reason": "missed"}).body


def test_phone_numbers_are_masked_wherever_they_stand(order: Order) -> None:
    with transaction():
        changed = db.session.get_one(Order, order.id)
        changed.buyer_name, changed.lines[0].name_ko = "김 010-9876-5432", "전화 01098765432"
    text = written(order, "paid", "ko", {**MONEY, "at": "", "day": 1, "pg_tid": None})
    assert "9876" not in text.subject + text.body
    assert "010-****-5432" in text.subject and "010-****-5678" in text.body


def test_subject_is_one_line_however_long_and_broken_a_name_is(order: Order) -> None:
    with transaction():
        db.session.get_one(Order, order.id).lines[0].name_ko = ("책\r\nBcc: x@example.com" * 99)[:64]
    subject = written(order, "ended", "ko", {"reason": "missed"}).subject
    assert len(subject) <= LONGEST_SUBJECT and subject.isprintable()


def test_monthly_order_says_on_which_day_it_will_be_charged(order: Order) -> None:
    with transaction():
        db.session.get_one(Order, order.id).kind = "monthly"
    facts = {**MONEY, "at": "", "day": 15, "pg_tid": None}
    assert "매달 15일" in written(order, "paid", "ko", facts).body
    later = written(order, "paid", "ko", {**facts, "month": 12, "next": "2055-01-15"})
    assert "구독이 시작되었습니다" not in later.body and "12월분이 결제되었습니다" in later.subject
