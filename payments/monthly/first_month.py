"""The first month of a plan: the payment that also issues the billing key, and starts the subscription."""

import secrets
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from sqlalchemy import select

from .. import clock
from ..attempts import open_attempt
from ..database import db, reading, transaction
from ..decision import Standing
from ..models import Cancellation, Payment, move
from ..portone.report import PaymentProvider, PaymentReport
from ..portone.request_pay import Buyer
from ..purchases import Purchases
from . import subscriptions
from .charge_days import charge_day, charge_window
from .models import FIRST_MONTH, BillingKey, Subscription

NO_KEY_TEXT = "자동결제가 등록되지 않아 자동 취소"  # PortOne's console and the buyer read it as the cancel's reason


class AlreadySubscribed(Exception):
    """The customer already has a live subscription to this plan; a second one would be charged as well."""


def start_first_month(
    provider: PaymentProvider,
    purchase_id: object,
    *,
    customer_ref: object,
    plan_ref: object,
    plan_name: str,
    amount: int,
    name: str,
    buyer: Buyer,
    claimed: Mapping[str, str] | None = None,
) -> Payment:
    """Insert an attempt to pay a plan's first month, with the billing key that its window issues and the subscription
    that it starts; commit, then register the amount (won, every month) at PortOne.

    Raises AlreadySubscribed, PurchaseClosed, and ProviderError when PortOne does not confirm the amount.
    """
    refs = {"customer_ref": str(customer_ref), "plan_ref": str(plan_ref)}
    with transaction():
        if subscriptions.is_subscribed(**refs):
            raise AlreadySubscribed
        customer_uid = f"key-{secrets.token_hex(12)}"
        db.session.add(_new_key(customer_uid, refs["customer_ref"], buyer))
        db.session.flush()
        payment = open_attempt(  # which locks the purchase
            FIRST_MONTH,
            purchase_id,
            amount=amount,
            name=name,
            is_test_channel=provider.is_test_channel,
            customer_uid=customer_uid,
            claimed=claimed,
        )
        if subscriptions.subscription_of(purchase_id) is None:
            db.session.add(Subscription(purchase_id=str(purchase_id), name=plan_name, amount=amount, **refs))
    provider.prepare(payment.merchant_uid, payment.amount)
    return payment


def _new_key(customer_uid: str, customer_ref: str, buyer: Buyer) -> BillingKey:
    """Return the key of one attempt, with the buyer's data, which KG wants unchanged in every month.

    Each attempt gets a key of its own: a `customer_uid` that is used again would overwrite the key that an earlier
    window may have issued.
    """
    return BillingKey(
        customer_uid=customer_uid,
        customer_ref=customer_ref,
        buyer_name=buyer.name,
        buyer_tel=buyer.tel,
        buyer_email=buyer.email,
    )


class FirstMonth(Purchases):
    """Wraps the host's class for the purchase that starts a plan: its payment also activates key and subscription."""

    def __init__(self, purchases: Purchases) -> None:
        self.purchases = purchases

    def look_up(self, payment: Payment, report: PaymentReport, provider: PaymentProvider) -> None:
        """Ask PortOne for the key that a paid window issued, or did not (a MID without a recurring contract)."""
        self.purchases.look_up(payment, report, provider)
        if report.status != "paid" or payment.customer_uid is None or report.customer_uid != payment.customer_uid:
            return
        with reading():
            key_id = db.session.scalar(_awaited(payment.customer_uid))
        if key_id is None:
            return
        issued = provider.get_billing_key(payment.customer_uid)
        with transaction():
            if issued is None:
                move(BillingKey, key_id, "absent")
                return
            key = db.session.get_one(BillingKey, key_id)
            key.pg_provider, key.pg_id, key.is_test_channel = issued.pg_provider, issued.pg_id, issued.is_test_channel

    def lock(self, payment: Payment) -> Standing:
        """Lock the purchase, then the customer's subscriptions to this plan."""
        standing = self.purchases.lock(payment)
        subscription = subscriptions.lock_with_rivals(payment.purchase_id)
        if standing.state == "closed" or subscription is None:
            return standing
        if subscriptions.is_subscribed(subscription.customer_ref, subscription.plan_ref):
            return Standing.closed("already_subscribed", "이미 이용 중인 구독이라 자동 취소")
        if not _is_in_time_for_the_next_month(payment):
            return Standing.closed("first_month_late", "첫 달 결제를 다음 결제일이 지난 뒤에 확인해 자동 취소")
        key = _key_of(payment)
        if key.status == "absent":
            return Standing.closed("no_billing_key", NO_KEY_TEXT)
        if key.is_test_channel not in (None, payment.is_test_channel):
            return Standing.held("key_channel")  # the settings or PortOne are wrong: nothing to cancel without a look
        return standing

    def paid(self, payment: Payment) -> None:
        """Pay the purchase and start the subscription."""
        self.purchases.paid(payment)
        subscription = subscriptions.subscription_of(payment.purchase_id)
        if subscription:
            subscriptions.start(subscription, _key_of(payment), payment.paid_at or clock.now())

    def cancelled(self, payment: Payment) -> None:
        """Cancel the purchase, end the subscription, and have the key deleted."""
        self.purchases.cancelled(payment)
        subscription = subscriptions.subscription_of(payment.purchase_id)
        if subscription and subscription.customer_uid == payment.customer_uid:
            subscriptions.end(subscription, "cancelled", clock.now())
        subscriptions.end_unstarted_key(payment.customer_uid, "cancelled")

    def returned(self, payment: Payment, held_reason: str | None) -> None:
        """Have the key deleted that this window may have issued."""
        self.purchases.returned(payment, held_reason)
        subscriptions.end_unstarted_key(payment.customer_uid, "cancelled")

    def duplicate_returned(self, payment: Payment, cancellation: Cancellation) -> None:
        self.purchases.duplicate_returned(payment, cancellation)

    def failed(self, payment: Payment) -> None:
        self.purchases.failed(payment)

    def page(self, payment: Payment) -> str:
        return self.purchases.page(payment)

    def expire(self, unanswered: AbstractSet[str]) -> int:
        return self.purchases.expire(unanswered)


def _awaited(customer_uid: str) -> Any:
    return select(BillingKey.id).where(
        BillingKey.customer_uid == customer_uid, BillingKey.status.in_(BillingKey.NOT_SEEN)
    )


def _key_of(payment: Payment) -> BillingKey:
    return db.session.scalars(select(BillingKey).filter_by(customer_uid=payment.customer_uid)).one()


def _is_in_time_for_the_next_month(payment: Payment) -> bool:
    """Return whether the month after this one can still be charged: a subscription that misses it ends at once."""
    opened_at = payment.created_at or clock.now()  # None: it is about to be opened
    opened_on = opened_at.astimezone(clock.SEOUL).date()
    next_month = charge_window(charge_day(opened_on, opened_on.day), opened_on)
    return next_month.state_at(clock.now()) != "closed"
