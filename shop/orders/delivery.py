"""What a buyer types at the checkout: their data, and where goods are delivered; checked, and kept on the order."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from payments.portone import request_pay as portone

from . import buyer_input
from .buyer_input import InvalidText
from .cart import InvalidBuyer
from .models import Order, Product


@dataclass(frozen=True)
class Delivery:
    """Where goods are delivered, beside address and postcode.

    Each field is empty if the buyer did not fill it in; its name is that of the form's field and of the column.
    """

    recipient: str = ""
    recipient_tel: str = ""
    buyer_addr_detail: str = ""
    delivery_note: str = ""


NO_DELIVERY = Delivery()

CHECKS: dict[str, Callable[[str], str]] = {
    "recipient": buyer_input.checked_recipient,
    "recipient_tel": buyer_input.checked_contact,
    "buyer_addr_detail": buyer_input.checked_addr_detail,
    "delivery_note": buyer_input.checked_delivery_note,
}


@dataclass(frozen=True)
class Buyer(portone.Buyer):
    """The buyer's data, and where goods are delivered, checked."""

    delivery: Delivery = NO_DELIVERY

    @classmethod
    def checked(cls, name: str, tel: str, email: str, addr: str = "", postcode: str = "", **delivery: str) -> "Buyer":
        """Normalise and check the buyer's data. Raises InvalidBuyer with every field that is wrong."""
        typed = {
            "buyer_name": (buyer_input.checked_name, name),
            "buyer_tel": (buyer_input.checked_tel, tel),
            "buyer_email": (buyer_input.checked_email, email),
            "buyer_addr": (buyer_input.checked_addr, addr),
            "buyer_postcode": (buyer_input.checked_postcode, postcode),
            **{field: (check, delivery.get(field, "")) for field, check in CHECKS.items()},
        }
        found, wrong = {}, {}
        for field, (check, text) in typed.items():
            try:
                found[field] = check(text)
            except InvalidText as error:
                wrong[field] = error
        if wrong:
            raise InvalidBuyer(wrong)
        name, tel, email, addr, postcode, *rest = found.values()
        return cls(name, tel, email, addr or None, postcode or None, Delivery(*rest))


def require_address(goods: Iterable[tuple[Product, int]], buyer: Buyer) -> None:
    """Raises InvalidBuyer if something has to be delivered and nobody said where."""
    if all(product.digital for product, _ in goods):
        return
    missing = {"buyer_addr": buyer.addr, "buyer_postcode": buyer.postcode}
    wrong = {name: InvalidText("required") for name, value in missing.items() if not value}
    if wrong:
        raise InvalidBuyer(wrong)


def keep(order: Order, buyer: Buyer) -> None:
    """Keep where the goods go. Downloads need no address; a parcel without a recipient goes to the buyer."""
    shipped, to = not order.digital, buyer.delivery
    order.buyer_addr, order.buyer_postcode = (buyer.addr, buyer.postcode) if shipped else (None, None)
    order.buyer_addr_detail = to.buyer_addr_detail or None if shipped else None
    order.recipient = to.recipient or buyer.name if shipped else None
    order.recipient_tel = to.recipient_tel or None if shipped else None
    order.delivery_note = to.delivery_note or None if shipped else None
