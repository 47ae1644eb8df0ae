"""Parameters of `IMP.request_pay` in the browser. The server sets prices, ids and URLs; the page passes them on."""

from typing import Any, Protocol

from ..models import Payment
from ..settings import PortOneSettings

KG_EMAIL_BYTES = 30  # KG refuses a longer e-mail address (code 9114), so it is not sent


class Buyer(Protocol):
    """The buyer's fields: of an order, or of the request for a later month."""

    @property
    def buyer_name(self) -> str: ...
    @property
    def buyer_tel(self) -> str: ...
    @property
    def buyer_email(self) -> str: ...


class Purchase(Buyer, Protocol):
    """What a payment window needs beside the payment: the buyer, the address and the kind of goods."""

    @property
    def buyer_addr(self) -> str | None: ...
    @property
    def buyer_postcode(self) -> str | None: ...
    @property
    def digital(self) -> bool: ...


def request_pay(settings: PortOneSettings, payment: Payment, order: Purchase) -> dict[str, Any]:
    """Build the complete first argument of `IMP.request_pay` for a payment by phone bill (휴대폰 소액결제)."""
    parameters: dict[str, Any] = {
        "pay_method": "phone",
        "merchant_uid": payment.merchant_uid,
        "name": payment.name,
        "amount": payment.amount,
        "currency": "KRW",
        **buyer_fields(order),
        "digital": order.digital,  # required for phone bills: it decides KG's fee class
        "m_redirect_url": f"{settings.public_url}/payment/redirect",
        "notice_url": notice_url(settings),
        "confirm_url": f"{settings.public_url}/payment/confirm",  # only used if PortOne enabled it for the merchant
    }
    if order.buyer_addr:
        parameters["buyer_addr"], parameters["buyer_postcode"] = order.buyer_addr, order.buyer_postcode
    if payment.customer_uid:
        # With `customer_uid` the window issues a billing key, and charges the first month for real.
        parameters["customer_uid"] = payment.customer_uid
    return parameters | _contract(settings, billing=bool(payment.customer_uid))


def buyer_fields(source: Buyer) -> dict[str, str]:
    """Return the buyer's fields, the same for the first month and for every later one."""
    buyer = {"buyer_name": source.buyer_name, "buyer_tel": source.buyer_tel}
    if len(source.buyer_email.encode()) <= KG_EMAIL_BYTES:
        buyer["buyer_email"] = source.buyer_email
    return buyer


def notice_url(settings: PortOneSettings) -> str:
    """Return the URL of the webhook endpoint."""
    return f"{settings.public_url}/payment/webhook"


def _contract(settings: PortOneSettings, *, billing: bool) -> dict[str, str]:
    """Return the contract's field: `channelKey` for the current SDK, `pg` for older ones, none for the default PG."""
    channel_key, pg = settings.contract(billing=billing)
    if channel_key:
        return {"channelKey": channel_key}
    return {"pg": pg} if pg else {}
