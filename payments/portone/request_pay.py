"""Parameters of `IMP.request_pay` in the browser. The server sets prices, ids and URLs; the page passes them on."""

from dataclasses import dataclass
from typing import Any

from ..models import Payment
from ..settings import NEW_MODULE, PortOneSettings
from .kg_text import KG_EMAIL_BYTES, fits_kg


@dataclass(frozen=True)
class Buyer:
    """The buyer's data that KG wants, and the address for goods that are shipped. `tel` is digits only."""

    name: str
    tel: str
    email: str
    addr: str | None = None
    postcode: str | None = None


def request_pay(settings: PortOneSettings, payment: Payment, buyer: Buyer, *, digital: bool) -> dict[str, Any]:
    """Build the complete first argument of `IMP.request_pay` for a payment by phone bill (휴대폰 소액결제).

    `digital`: nothing is shipped. KG's fee depends on it.
    """
    billing = bool(payment.customer_uid)
    parameters: dict[str, Any] = {
        "pay_method": "phone",
        "merchant_uid": payment.merchant_uid,
        "name": payment.name,
        "amount": payment.amount,
        "currency": "KRW",
        **buyer_fields(buyer.name, buyer.tel, buyer.email),
        "digital": digital,  # required by the old module; the new one's guide does not name it (UNVERIFIED)
        "m_redirect_url": f"{settings.public_url}/payment/redirect",
        "notice_url": notice_url(settings),
        "confirm_url": f"{settings.public_url}/payment/confirm",  # only used if PortOne enabled it for the merchant
    }
    if buyer.addr:
        parameters["buyer_addr"], parameters["buyer_postcode"] = buyer.addr, buyer.postcode
    if billing:
        # With `customer_uid` the window issues a billing key, and charges the first month for real.
        parameters["customer_uid"] = payment.customer_uid
    if settings.app_scheme:
        parameters["app_scheme"] = settings.app_scheme
    if settings.fixes_number and settings.module_of(billing=billing) == NEW_MODULE:
        parameters["bypass"] = {NEW_MODULE: {"pay_options": {"mc_fix_no": "Y"}}}
    return parameters | _contract(settings, billing=billing)


def buyer_fields(name: str, tel: str, email: str) -> dict[str, str]:
    """Return the buyer's fields, the same for the first month and for every later one."""
    buyer = {"buyer_name": name, "buyer_tel": tel}
    if fits_kg(email, KG_EMAIL_BYTES):
        buyer["buyer_email"] = email
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
