"""Interface to the payment provider: its methods, its data types and its errors.

`PaymentProvider` lists the methods, `PaymentReport` describes one payment, and the error classes say what a caller may
do next. `client.py` implements the interface for PortOne V1; the tests use a hand-written fake.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

PaymentStatus = Literal["ready", "paid", "failed", "cancelled"]
CONSOLE_REASON = "관리자페이지취소"  # observed as the reason of a cancel that was made in PortOne's console


class ProviderError(Exception):
    """Base class: a call to the provider failed.

    ProviderError
    ├── Refused               PortOne refused the request; see `code` and `message`
    │   ├── NotFound          PortOne says, by 404 or a known message, that there is no such payment or key
    │   └── Unauthorized      401 or 403: our API key or secret is wrong; a person must correct the settings
    └── OutcomeUnknown        no usable response (time-out, lost connection, 429, 5xx, broken JSON): it may have been
        │                     carried out. Look it up by `merchant_uid` before sending it again
        └── UnreadableAnswer  a response whose fields are missing or not of the documented type

    Only NotFound means absence. Every other refusal says nothing about whether a payment or a key exists.
    """


class Refused(ProviderError):
    """PortOne refused the request."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


class NotFound(Refused):
    """PortOne has no such payment or key."""


class Unauthorized(Refused):
    """PortOne refused our credentials."""


class OutcomeUnknown(ProviderError):
    """No usable response: the request may or may not have been carried out."""


class UnreadableAnswer(OutcomeUnknown):
    """A response whose fields are not as V1 documents them."""


@dataclass(frozen=True)
class PaymentReport:
    """What PortOne says about one payment (결제건). Amounts in won, times aware UTC or None.

    Both databases can hold every value. What may be None may come with a later report.
    """

    imp_uid: str
    merchant_uid: str
    status: PaymentStatus
    amount: int
    cancelled_amount: int
    currency: str
    pay_method: str | None
    pg_provider: str | None
    is_test_channel: bool  # V1 calls this field `sandbox`
    customer_uid: str | None = None
    pg_tid: str | None = None
    paid_at: datetime | None = None
    failed_at: datetime | None = None
    cancelled_at: datetime | None = None
    fail_reason: str | None = None
    cancel_reason: str | None = None
    as_received: Mapping[str, Any] = field(default_factory=dict, repr=False)  # phone numbers masked

    @property
    def is_cancelled_in_console(self) -> bool:
        """Whether a person cancelled it in PortOne's console, by the reason that the console gives."""
        return self.status == "cancelled" and self.cancel_reason == CONSOLE_REASON


@dataclass(frozen=True)
class UnreadableRow:
    """A row of a PortOne list that cannot be parsed as a payment. `why` says which field is wrong."""

    imp_uid: str
    merchant_uid: str
    why: str


@dataclass(frozen=True)
class BillingKeyReport:
    """What PortOne says about one billing key (빌링키)."""

    customer_uid: str
    pg_provider: str | None
    pg_id: str | None
    issued_at: datetime | None
    is_test_channel: bool | None  # None: not told, as before 2026-01-26


@dataclass(frozen=True)
class Channel:
    """One contract of the account with a PG. `pg_id` is the MID."""

    key: str | None
    pg_provider: str
    pg_id: str
    is_test_channel: bool


@dataclass(frozen=True)
class ChargeRequest:
    """A charge of one later month by billing key. KG requires the previous month's amount and buyer data, unchanged."""

    customer_uid: str
    merchant_uid: str
    amount: int  # won
    name: str
    buyer_name: str
    buyer_tel: str
    buyer_email: str


class PaymentProvider(Protocol):
    """Interface of a payment provider. Each method may raise any ProviderError; call none inside a transaction.

    Each call is bounded in time, whatever the server sends: 30 seconds for `charge` and `cancel`, 10 for the others
    (for `payments_between`: each page).
    """

    is_test_channel: bool
    """Whether this shop uses test channels; payments of the other kind are not accepted."""

    def within(self, seconds: float) -> "PaymentProvider":
        """Return the same provider, whose calls together end within so many seconds from now."""

    def get_payment(self, imp_uid: str) -> PaymentReport:
        """Return the payment with PortOne's id. Raises NotFound if there is none."""

    def find_payment(self, merchant_uid: str) -> PaymentReport:
        """Return the paid payment with our id, else the cancelled one, else the newest. Raises NotFound."""

    def prepare(self, merchant_uid: str, amount: int) -> None:
        """Pre-register the amount (사전등록); PortOne opens no window with another amount. Raises Refused."""

    def get_billing_key(self, customer_uid: str) -> BillingKeyReport | None:
        """Return the billing key, or None if PortOne says that there is none. Any other refusal is raised."""

    def charge(self, request: ChargeRequest) -> PaymentReport:
        """Charge a billing key (`again`). A decline by KG is a report with status `failed`, not an error.

        Raises NotFound if PortOne has no such key. After any other Refused or OutcomeUnknown, look `merchant_uid` up
        before charging again.
        """

    def cancel(self, imp_uid: str, amount: int, reason: str) -> PaymentReport:
        """Cancel the payment (결제취소); `amount` in won is all of it. Return the payment after the cancel.

        Refused: this call cancelled nothing (an earlier one may have; look it up). OutcomeUnknown: look it up.
        """

    def payments_between(
        self, status: PaymentStatus, since: datetime, until: datetime
    ) -> Iterator[PaymentReport | UnreadableRow]:
        """Yield every payment of the account that reached `status` in `since` ≤ t < `until`, ours or not, by pages."""

    def delete_billing_key(self, customer_uid: str) -> None:
        """Delete the billing key at PortOne; succeed also if there is none."""
