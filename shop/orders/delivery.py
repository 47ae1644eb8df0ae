"""Where goods are delivered, beside address and postcode: recipient, their phone, detailed address, note."""

from collections.abc import Callable
from dataclasses import dataclass

from . import buyer_input


@dataclass(frozen=True)
class Delivery:
    """Each field is empty if the buyer did not fill it in; its name is that of the form's field and of the column."""

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
