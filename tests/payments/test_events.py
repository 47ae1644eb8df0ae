"""The event log: what strangers send fills it up to its bounds, and is deleted in the end."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from payments.database import db, end_reading, transaction
from payments.events import (
    FROM_ONE_ADDRESS,
    IN_ALL,
    KEPT_FOR,
    OF_ONE_ID,
    Notification,
    delete_old_events_of_nobody,
    log_event,
    log_staff_action,
)
from payments.models import Event, Payment
from payments.sweep import sweep

from . import clocks
from .fakes import FakeProvider
from .host import order_window

ATTACKER, OTHER = "203.0.113.66", "198.51.100.1"


@pytest.fixture
def payment(provider: FakeProvider) -> Payment:
    """An open attempt to buy one thing."""
    return order_window(provider)


def rows(**facts: Any) -> int:
    count = db.session.scalar(select(func.count()).select_from(Event).filter_by(**facts))
    end_reading()
    return count or 0


def webhook(app: Flask, address: str, **ids: str) -> None:
    answer = app.test_client().post("/payment/webhook", json=ids, environ_base={"REMOTE_ADDR": address})
    assert (answer.status_code, answer.json) == (200, {"outcome": "not_found"})


def test_an_id_that_is_nobodys_has_a_bounded_number_of_events_whoever_sends_it(host_app: Flask) -> None:
    for number in range(OF_ONE_ID + 3):
        webhook(host_app, f"203.0.113.{number}", imp_uid="imp_x")
        webhook(host_app, f"203.0.113.{number}", merchant_uid="order-x", imp_uid=f"imp_{number}")
    assert (rows(imp_uid="imp_x"), rows(merchant_uid="order-x")) == (OF_ONE_ID, OF_ONE_ID)


def test_one_address_has_a_bounded_number_of_events_about_nobody_and_takes_none_from_another(
    host_app: Flask,
) -> None:
    for number in range(FROM_ONE_ADDRESS + 5):
        webhook(host_app, ATTACKER, imp_uid=f"imp_{number}")
    webhook(host_app, ATTACKER)
    webhook(host_app, OTHER, imp_uid="imp_other")
    assert (rows(address=ATTACKER), rows(address=OTHER)) == (FROM_ONE_ADDRESS, 1)


def test_calls_that_cannot_be_read_are_counted_for_their_address(host_app: Flask) -> None:
    for _ in range(FROM_ONE_ADDRESS + 3):
        client = host_app.test_client()
        assert client.post("/payment/confirm", data="x", environ_base={"REMOTE_ADDR": ATTACKER}).status_code == 409
    assert rows(source="confirm") == rows(address=ATTACKER) == FROM_ONE_ADDRESS


def test_all_addresses_together_are_bounded_a_day_and_our_own_payments_are_not(
    host_app: Flask, payment: Payment
) -> None:
    before = rows()
    with transaction():
        for number in range(IN_ALL + 5):
            log_event(Notification("webhook", f"imp_{number}", address=f"10.0.{number // 250}.{number % 250}"), "x", "")
    assert rows() == before + IN_ALL
    with transaction():
        log_event(Notification("webhook", merchant_uid=payment.merchant_uid, address=ATTACKER), "x", "", payment)
        log_staff_action(Notification("admin", actor="admin@example.com"), "run", "by hand")
    assert rows() == before + IN_ALL + 2
    clocks.later(timedelta(days=1))
    with transaction():
        log_event(Notification("webhook", "imp_tomorrow", address=ATTACKER), "x", "")
    assert rows() == before + IN_ALL + 3


def test_the_sweep_deletes_old_events_about_nobody_and_no_others(
    host_app: Flask, provider: FakeProvider, payment: Payment
) -> None:
    with transaction():
        log_event(Notification("webhook", "imp_old"), "not_found", "")
        log_event(Notification("webhook", merchant_uid=payment.merchant_uid), "unchanged", "", payment)
        log_staff_action(Notification("admin", actor="admin@example.com"), "run", "by hand")
    ours = rows() - 1
    clocks.later(KEPT_FOR)
    assert delete_old_events_of_nobody() == 0
    clocks.later(timedelta(seconds=1))
    with transaction():
        log_event(Notification("webhook", "imp_new"), "not_found", "")
    assert sweep(provider)["old_events"] == 1
    assert rows(imp_uid="imp_old") == 0
    assert rows() >= ours + 1
