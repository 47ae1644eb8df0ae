"""The class that a host implements: what a payment is for, and what follows when its money arrives or goes back."""

from abc import ABC, abstractmethod
from collections.abc import Set as AbstractSet

from .decision import Standing
from .models import Cancellation, Payment
from .portone.report import PaymentProvider, PaymentReport

__all__ = ["Purchases", "Standing"]


class Purchases(ABC):
    """One kind of purchase. `payment.purchase_id` is the id of your row as text, as given to `payments.start`.

    `lock`, `paid`, `failed`, `cancelled`, `returned` and `duplicate_returned` run inside the payment's transaction:
    load your rows by id there, never commit, and call nothing over the network.
    """

    @abstractmethod
    def lock(self, payment: Payment) -> Standing:
        """Lock the purchase and all rows that `paid` will change, and return whether its money may be kept.

        Change nothing. What this calls open or late, `paid` can carry out: no second check follows.
        """

    @abstractmethod
    def paid(self, payment: Payment) -> None:
        """The payment is in and kept. Called once, after `lock` returned open or late."""

    @abstractmethod
    def page(self, payment: Payment) -> str:
        """Return the address of the page on which the buyer sees how the purchase stands."""

    def cancelled(self, payment: Payment) -> None:
        """The money of a payment for which `paid` was called went back. Called once."""

    def returned(self, payment: Payment, held_reason: str | None) -> None:
        """Money that was never kept went back: `held_reason` says why it was held, or is None if it never was."""

    def duplicate_returned(self, payment: Payment, cancellation: Cancellation) -> None:
        """The money of a second paid window of this payment went back; the payment itself did not change.

        `cancellation` is the window's row: `done`, or `by_bank`.
        """

    def failed(self, payment: Payment) -> None:
        """The payment was declined, or the buyer closed the window. Another attempt may follow."""

    def look_up(self, payment: Payment, report: PaymentReport, provider: PaymentProvider) -> None:
        """Ask PortOne what else must be known before `report` is recorded, and save it in a transaction of its own.

        Called before the payment's transaction. Raise ProviderError if PortOne gave no answer: nothing is recorded
        then, and the look-up is repeated later.
        """

    def expire(self, unanswered: AbstractSet[str]) -> int:
        """Expire purchases that were not paid in time; return how many. Called by each sweep, outside a transaction.

        Open a transaction() for each, lock it, and check again that it is not paid. Leave out the ids in `unanswered`:
        PortOne did not answer the look-up of their payment, which may be paid. They are those of all kinds, since
        several kinds may stand in one table.
        """
        return 0
