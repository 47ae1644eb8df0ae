"""A later month of a subscription, charged with its billing key."""

from collections.abc import Callable

from .. import clock
from ..database import db, locked
from ..decision import Standing
from ..extension import extension
from ..models import Cancellation, Payment
from ..purchases import Purchases
from . import subscriptions
from .models import Subscription


class LaterMonth(Purchases):
    """`payment.purchase_id` is the subscription's id, `payment.period` its billing month. `page` is the address of the
    host's page of the customer's subscriptions."""

    def __init__(self, page: Callable[[], str]) -> None:
        self._page = page

    def lock(self, payment: Payment) -> Standing:
        """Lock the subscription. A charge that was sent before it ended is honoured, so its money is always kept."""
        _subscription(payment, lock=True)
        return Standing.open()

    def paid(self, payment: Payment) -> None:
        """Set the next charge day, and tell the host."""
        subscriptions.month_paid(_subscription(payment), payment.period)
        extension().plan_changed(_subscription(payment), "paid", payment)

    def failed(self, payment: Payment) -> None:
        """Mark the subscription past due; the monthly run tries again."""
        subscriptions.month_declined(_subscription(payment))

    def cancelled(self, payment: Payment) -> None:
        """End the subscription: KG's rules allow no month without a payment."""
        extension().plan_changed(_subscription(payment), "returned", payment)
        subscriptions.end(_subscription(payment), "cancelled", clock.now())

    def returned(self, payment: Payment, held_reason: str | None) -> None:
        """End the subscription, unless another payment has paid the month."""
        extension().plan_changed(_subscription(payment), "returned", payment)
        if held_reason != "duplicate":
            subscriptions.end(_subscription(payment), "cancelled", clock.now())

    def duplicate_returned(self, payment: Payment, cancellation: Cancellation) -> None:
        extension().plan_changed(_subscription(payment), "returned", payment)

    def page(self, payment: Payment) -> str:
        return self._page()


def _subscription(payment: Payment, *, lock: bool = False) -> Subscription:
    subscription_id = int(payment.purchase_id)
    return locked(Subscription, subscription_id) if lock else db.session.get_one(Subscription, subscription_id)
