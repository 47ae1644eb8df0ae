"""What do we ask of whoever moves the money?

`PaymentProvider` is the question list, `PaymentReport` the answer about one payment, and the error tree says what a
caller may do next. `client.py` answers for PortOne V1; the tests answer with a hand-written fake.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

PaymentStatus = Literal["ready", "paid", "failed", "cancelled"]


class ProviderError(Exception):
    """Something other than a plain answer came back.

    ProviderError
    ├── Refused               PortOne declined the request. Read `code` and `message`
    │   ├── NotFound          PortOne says, in the words known for it, that there is no such payment or key
    │   └── Unauthorized      401 or 403: our API key or secret is wrong; a person must mend the settings
    └── OutcomeUnknown        no usable answer (time-out, cut connection, 429, 5xx, broken JSON): it may have been
        │                     done. Look it up by `merchant_uid` before asking again
        └── UnreadableAnswer  an answer came, but a field is missing or is not of the documented type

    Only NotFound means absence. Every other refusal says nothing about whether a payment or a key exists.
    """


class Refused(ProviderError):
    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


class NotFound(Refused):
    """There is no such payment or key."""


class Unauthorized(Refused):
    """Our credentials were refused."""


class OutcomeUnknown(ProviderError):
    """No usable answer came: the thing asked for may or may not have been done."""


class UnreadableAnswer(OutcomeUnknown):
    """An answer came whose fields are not as V1 documents them."""


@dataclass(frozen=True)
class PaymentReport:
    """What PortOne says about one payment (결제건). Amounts in won, times aware UTC or None."""

    imp_uid: str
    merchant_uid: str
    status: PaymentStatus
    amount: int
    cancelled_amount: int
    currency: str
    pay_method: str
    pg_provider: str
    is_test_channel: bool  # V1 calls this field `sandbox`
    customer_uid: str | None = None
    pg_tid: str | None = None
    paid_at: datetime | None = None
    failed_at: datetime | None = None
    cancelled_at: datetime | None = None
    fail_reason: str | None = None
    cancel_reason: str | None = None
    as_received: Mapping[str, Any] = field(default_factory=dict, repr=False)  # phone numbers masked


@dataclass(frozen=True)
class UnreadableRow:
    """A row in a list of PortOne's that is not a readable payment. `why` says which field is wrong."""

    imp_uid: str
    merchant_uid: str
    why: str


@dataclass(frozen=True)
class BillingKeyReport:
    """What PortOne says about one billing key (빌링키)."""

    customer_uid: str
    pg_provider: str
    pg_id: str
    issued_at: datetime | None


@dataclass(frozen=True)
class Channel:
    """One contract with a PG, as the account holds it. `pg_id` is the MID."""

    key: str | None
    pg_provider: str
    pg_id: str
    is_test_channel: bool


@dataclass(frozen=True)
class ChargeRequest:
    """One later month by billing key. KG wants the amount and the buyer's data of the month before, unchanged."""

    customer_uid: str
    merchant_uid: str
    amount: int  # won
    name: str
    buyer_name: str
    buyer_tel: str
    buyer_email: str


class PaymentProvider(Protocol):
    """The calls. Each may raise any ProviderError; none may be made inside a transaction.

    Each is bounded in time, whatever the server sends: thirty seconds for `charge` and `cancel`, ten for the others
    (for `payments_between`: each page).
    """

    is_test_channel: bool
    """Which kind of channel this shop takes money through; payments of the other kind are not accepted."""

    def within(self, seconds: float) -> "PaymentProvider":
        """The same provider, whose calls together end within so many seconds from now."""

    def get_payment(self, imp_uid: str) -> PaymentReport:
        """The payment with PortOne's id. NotFound: no such payment."""

    def find_payment(self, merchant_uid: str) -> PaymentReport:
        """The payment that matters for our id: the paid one, else the cancelled one, else the newest. NotFound."""

    def prepare(self, merchant_uid: str, amount: int) -> None:
        """Pre-register the amount (사전등록): a window that asks for another one will not open. Refused."""

    def get_billing_key(self, customer_uid: str) -> BillingKeyReport | None:
        """The billing key, or None when PortOne says that there is no such key (never for another refusal)."""

    def charge(self, request: ChargeRequest) -> PaymentReport:
        """Charge a billing key (`again`). A decline by KG is a report with status `failed`, not an error.

        NotFound: PortOne has no such key. Another Refused or OutcomeUnknown: look `merchant_uid` up before asking
        again.
        """

    def cancel(self, imp_uid: str, amount: int, reason: str) -> PaymentReport:
        """Give `amount` won back (결제취소), all that the payment has; answers the payment as it is then.

        Refused: nothing went back now (it may have earlier; look it up). OutcomeUnknown: look it up.
        """

    def payments_between(
        self, status: PaymentStatus, since: datetime, until: datetime
    ) -> Iterator[PaymentReport | UnreadableRow]:
        """Every payment that came to `status` in `since` ≤ t < `until`, whoever's they are; page by page."""

    def delete_billing_key(self, customer_uid: str) -> None:
        """Delete the billing key at PortOne; done as well if there is none."""
