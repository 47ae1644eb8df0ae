"""The class that a host implements: what the package does with a host that makes a mistake."""

from collections.abc import Set as AbstractSet
from typing import Any

import pytest
from flask import Flask

import payments
from payments import Purchases, Standing
from payments.attempts import start_payment
from payments.cancel import cancel_payment
from payments.cancellations import CANCEL_LEASE
from payments.database import db
from payments.extension import extension, purchases_of
from payments.models import Cancellation, Payment
from payments.settings import PortOneSettings
from payments.sweep import sweep

from . import clocks
from .fakes import FakeProvider
from .host import ADMIN, COFFEE, SETTINGS, Orders, order_window, paid, states

FACTS: dict[str, Any] = {"amount": 3900, "name": "곰"}


class Forgetful(Orders):
    """A host whose `lock` returns nothing, and whose `expire` breaks."""

    def lock(self, payment: Payment) -> Standing:
        super().lock(payment)
        return None  # type: ignore[return-value]

    def expire(self, unanswered: AbstractSet[str]) -> int:
        raise LookupError("no such order")


def test_a_standing_that_cannot_be_is_refused_where_it_is_made() -> None:
    for state, reason, text in (
        ("opne", "", ""),
        ("closed", "", "x"),
        ("closed", "no", ""),
        ("closed", "x" * 33, "x"),
        ("held", "", ""),
    ):
        with pytest.raises(ValueError, match="Standing"):
            Standing(state, reason, text)  # type: ignore[arg-type]


def test_a_lock_that_returns_no_standing_is_an_error_and_records_nothing(provider: FakeProvider) -> None:
    payment = order_window(provider)
    extension().purchases["once"] = Forgetful(COFFEE)
    provider.hears_of(payment.merchant_uid, amount=payment.amount)
    with pytest.raises(TypeError, match=r"Forgetful\.lock returned None"):
        payments.sync.sync_payment(provider, payments.Notification("webhook", merchant_uid=payment.merchant_uid))
    assert states(payment) == ("ready", "pending")


def test_an_expire_that_breaks_stops_neither_cancels_nor_the_rest_of_the_sweep(provider: FakeProvider) -> None:
    payment = paid(provider)
    provider.cancel_answers = ["dropped"]
    cancel_payment(provider, payment.id, "고객 변심", ADMIN)
    extension().purchases["once"] = Forgetful(COFFEE)
    clocks.later(CANCEL_LEASE)
    extension().purchases["another"] = Forgetful(COFFEE)
    done = sweep(provider)
    assert done["error"] >= 1
    assert provider.cancels[-1] == (payment.imp_uid, payment.amount)
    assert len(provider.cancels) == 2, "the sweep asked again"


def test_a_kind_that_the_app_was_not_given_is_named(host_app: Flask) -> None:
    with pytest.raises(KeyError, match="'tickt'"):
        purchases_of(Payment(kind="tickt"))


@pytest.mark.parametrize("wrong", [{"once": Orders}, {"x" * 17: Orders(COFFEE)}, {"": Orders(COFFEE)}])
def test_only_instances_of_purchases_with_a_kind_that_fits_are_taken(wrong: Any) -> None:
    with pytest.raises(TypeError, match="instance of Purchases"):
        payments.init_app(Flask("other"), SETTINGS, wrong, provider=FakeProvider())


@pytest.mark.parametrize(
    "wrong",
    [
        *({"amount": amount} for amount in (0, -1, 5000.5, True, "5000")),
        *({"name": name} for name in ("", "가" * 16, "곰😀", "\u3164", "夜の散歩")),
    ],
)
def test_an_amount_or_a_name_that_kg_would_refuse_opens_nothing(wrong: dict[str, Any], provider: FakeProvider) -> None:
    with pytest.raises(ValueError, match=r"amount|name"):
        start_payment(provider, "once", 1, **(FACTS | wrong))
    assert (db.session.query(Payment).count(), provider.asked) == (0, [])


def test_a_test_channel_is_true_or_false_and_nothing_else() -> None:
    keys = ("PUBLIC_URL", "PORTONE_IMP_CODE", "PORTONE_API_KEY", "PORTONE_API_SECRET")
    environ = dict.fromkeys(keys, "x")
    assert not PortOneSettings.from_environ(environ).is_test_channel
    assert PortOneSettings.from_environ(environ | {"PORTONE_TEST_CHANNEL": "true"}).is_test_channel
    for value in ("True", "1", "yes", ""):
        with pytest.raises(ValueError, match="PORTONE_TEST_CHANNEL"):
            PortOneSettings.from_environ(environ | {"PORTONE_TEST_CHANNEL": value})
    with pytest.raises(KeyError, match="PORTONE_IMP_CODE"):
        PortOneSettings.from_environ({"PUBLIC_URL": "x"})


def test_the_methods_that_a_host_need_not_implement_do_nothing(host_app: Flask) -> None:
    class Least(Purchases):
        def lock(self, payment: Payment) -> Standing:
            return Standing.open()

        def paid(self, payment: Payment) -> None: ...

        def page(self, payment: Payment) -> str:
            return "/"

    least, payment = Least(), Payment(kind="least")
    least.failed(payment)
    least.cancelled(payment)
    least.returned(payment, None)
    least.duplicate_returned(payment, Cancellation(status="done"))
    assert least.expire({"1"}) == 0
