"""The learn panel of the demo: how `decide` decided, the flow with the passed steps marked, notifications, look-ups.

`app.py` loads this file in sandbox mode only: with live settings no code path leads here.
"""

import json
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from flask import Flask, current_app, render_template, request
from flask_babel import get_locale
from markupsafe import Markup
from sqlalchemy import select

from payments.database import db
from payments.models import Event, Payment
from payments.monthly.models import FIRST_MONTH, Subscription
from payments.portone.error_codes import advice_for
from payments.portone.request_pay import Buyer, request_pay
from payments.portone.responses import Answer
from payments.privacy import mask_beginning, mask_phone, mask_report
from payments.signals import Call, portone_called
from shop.orders import orders
from shop.orders.models import CartItem, Order, OrderLine
from shop.web.common import settings

from .decide_lines import latest_decision
from .flows import FLOWS, Flow, draw
from .passed_steps import passed

MOST_SHOWN = 12
MOST_EVENTS = 60
Attempt = tuple[Payment, Sequence[Event]]  # a payment and its events, oldest first
SECRETS = ("imp_key", "imp_secret", "access_token")


@dataclass(frozen=True)
class ShownCall:
    """One HTTP call to PortOne: request and response, with secrets and phone numbers masked."""

    method: str
    path: str
    body: str
    status: int
    answer: str


class Calls:
    """The latest responses, kept unmasked in this process's memory and masked when they are shown."""

    def __init__(self) -> None:
        self._kept: deque[Answer] = deque(maxlen=200)

    def hear(self, _client: object, call: Call) -> None:
        """Keep the response of a call to PortOne that has ended."""
        if call.answer is not None:
            self._kept.append(call.answer)

    def about(self, ids: Iterable[str | None]) -> list[ShownCall]:
        """Return the calls that contain one of these ids, oldest first."""
        wanted = [name for name in ids if name]
        kept = tuple(self._kept)  # another thread may append meanwhile
        found = [answer for answer in kept if any(name in _path(answer) + _body(answer) for name in wanted)]
        return [_call(answer) for answer in found[-MOST_SHOWN:]]


def _call(answer: Answer) -> ShownCall:
    method = answer.request.method or ""
    body = answer.body.decode(errors="replace")
    return ShownCall(method, _path(answer), _masked(_body(answer)), answer.status, _masked(body))


def _path(answer: Answer) -> str:
    parts = urlsplit(str(answer.request.url))
    return unquote(parts.path) + (f"?{parts.query}" if parts.query else "")


def _body(answer: Answer) -> str:
    body = answer.request.body or ""
    return body.decode() if isinstance(body, bytes) else str(body)


def _masked(text: str) -> str:
    """Format JSON for reading, with secrets and phone numbers masked; of other text, mask the phone numbers."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return mask_beginning(text, 500)
    if not isinstance(found, Mapping):
        return mask_beginning(text, 500)
    response = found.get("response")
    inner = {"response": _without_empty(response)} if isinstance(response, Mapping) else {}
    return pretty({key: "****" if key in SECRETS else value for key, value in found.items()} | inner)


def _without_empty(response: Mapping[str, Any]) -> dict[str, Any]:
    """Drop fields without a value: a payment has 54 fields, most of them about cards."""
    masked = {key: "****" if key in SECRETS else value for key, value in response.items()}
    return {key: value for key, value in masked.items() if value not in (None, "", [], 0) or key == "cancel_amount"}


def pretty(facts: Mapping[str, Any]) -> str:
    masked = mask_report(facts)
    return json.dumps(masked, ensure_ascii=False, indent=2)


def install(app: Flask) -> None:
    """Add the panels to the template globals, and record the calls to the sandbox."""
    calls = Calls()
    app.extensions["learn_calls"] = calls
    portone_called.connect(calls.hear, sender=app.extensions["payments"].provider)
    app.jinja_env.globals.update(
        learn_cart=panel_of_cart, learn_order=panel_of_order, learn_subscriptions=panel_of_subscriptions
    )


def panel_of_cart(goods: Sequence[CartItem], plans: Sequence[CartItem], buyer: Mapping[str, str]) -> Markup:
    """Render the panel of the cart: the arguments that `IMP.request_pay` will get."""
    flow = FLOWS["once-pc" if goods else "billing-key"]
    bought = list(goods) or list(plans[:1])
    return _panel(flow, set(), request_pay=pretty(_request_pay(bought, buyer)) if bought else "")


def panel_of_order(order: Order, payments: Sequence[Payment]) -> Markup:
    """Render the panel of an order: how its latest payment was decided, and the notifications of all of them."""
    attempts = _attempts(payments)
    payment, events = attempts[0] if attempts else (None, [])
    flow = _flow_of(order, events)
    return _panel(flow, passed(flow, payment, events), attempts)


def panel_of_subscriptions(subscriptions: Sequence[Subscription]) -> Markup:
    """Render the panel of a buyer's subscriptions: the payments of their billing keys."""
    keys = [subscription.customer_uid for subscription in subscriptions if subscription.customer_uid]
    of_keys = select(Payment).where(Payment.customer_uid.in_(keys)).order_by(Payment.id.desc()).limit(MOST_SHOWN)
    attempts = _attempts(db.session.scalars(of_keys).all())
    payment, events = attempts[0] if attempts else (None, [])
    flow = FLOWS["billing-key" if payment and payment.kind == FIRST_MONTH else "monthly"]
    lit = passed(flow, payment, events)
    if payment and str(payment.purchase_id) in {str(one.id) for one in subscriptions if one.status == "ended"}:
        lit |= {"end"} & {step.id for step in flow.steps}
    return _panel(flow, lit, attempts)


def _panel(flow: Flow, lit: Collection[str], attempts: Sequence[Attempt] = (), request_pay: str = "") -> Markup:
    now = next((step for step in reversed(flow.steps) if step.id in lit), flow.steps[0])
    page = render_template(
        "learn.html",
        flow=flow,
        drawing=Markup(draw(flow, str(get_locale()), lit, now=now.id)),  # noqa: S704  # `draw` escapes it
        step=now,
        is_open=request.cookies.get("learn") == "open",
        pretty=pretty,
        request_pay=request_pay,
        attempts=attempts,
        decided=latest_decision(*attempts[0]) if attempts else None,
        calls=_calls_of([payment for payment, _ in attempts]),
    )
    return Markup(page)  # noqa: S704  # a template's output


def _attempts(payments: Sequence[Payment]) -> list[Attempt]:
    """Return the payments with their events, oldest first: the newest payment first, abandoned windows last."""
    ids = [payment.id for payment in payments]
    newest = select(Event).where(Event.payment_id.in_(ids)).order_by(Event.id.desc()).limit(MOST_EVENTS)
    events: dict[int | None, list[Event]] = defaultdict(list)
    for event in reversed(db.session.scalars(newest).all()):
        events[event.payment_id].append(event)
    in_order = sorted(payments, key=lambda payment: (_is_abandoned(payment), -payment.id))
    return [(payment, events[payment.id]) for payment in in_order]


def _is_abandoned(payment: Payment) -> bool:
    """Return whether nothing came of the window: it was left open, or the buyer closed it."""
    if payment.held_reason or payment.status not in ("ready", "failed"):
        return False
    advice = advice_for(payment.fail_reason)
    return payment.status == "ready" or bool(advice and advice.by_buyer)


def _calls_of(payments: Sequence[Payment]) -> list[ShownCall]:
    calls: Calls = current_app.extensions["learn_calls"]
    return calls.about(name for payment in payments for name in (payment.merchant_uid, payment.imp_uid))


def _flow_of(order: Order, events: Sequence[Event]) -> Flow:
    sources = {event.source for event in events}
    if any(event.outcome == "cancelled" for event in events):
        return FLOWS["cancel"]
    if order.kind == "monthly":
        return FLOWS["billing-key"]
    if "redirect" in sources:
        return FLOWS["once-mobile"]
    if sources & {"webhook", "sweep"} and "callback" not in sources:
        return FLOWS["lost-window"]
    return FLOWS["once-pc"]


def _request_pay(bought: Sequence[CartItem], buyer: Mapping[str, str]) -> dict[str, Any]:
    """Build what the checkout will return, with dots instead of ids. Nothing is written."""
    products = [item.product for item in bought]
    monthly = products[0].kind == "monthly"
    order = Order(lines=[OrderLine(name_ko=product.name_ko) for product in products])
    masked = Buyer(buyer["name"] or "…", mask_phone(buyer["tel"]) or "…", buyer["email"])
    payment = Payment(
        merchant_uid="……",
        customer_uid="……" if monthly else None,
        name=orders.title(order),
        amount=sum(item.product.price * item.quantity for item in bought),
    )
    return request_pay(settings(), payment, masked, digital=all(product.digital for product in products))
