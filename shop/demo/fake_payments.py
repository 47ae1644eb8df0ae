"""Rows of made-up payments, with their orders, billing keys, subscriptions and events.

`fake_history.py` decides how many there are of which kind, and when.
"""

import json
import random
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import func, select

from payments import clock
from payments.database import db
from payments.models import Cancellation, Event, Payment
from payments.monthly.charge_days import charge_day, charge_window
from payments.monthly.models import BillingKey, Subscription
from shop.orders.models import Order, OrderLine, Product
from shop.orders.order_numbers import ALPHABET, DRAWN

from .bulk_insert import IN_ORDER, Bulk

FAILURES = (
    ["당월 한도 초과로 결제 불가합니다."] * 5
    + ["결제가 취소되었습니다."] * 4
    + ["통신사에 등록된 정보와 일치하지 않습니다."] * 3
    + ["소액결제가 차단된 번호입니다.", "미납 요금이 있어 이용할 수 없습니다.", "승인번호가 맞지 않습니다."]
)
CANCELS = ("구매자 변심", "품절", "중복 주문")
CAME = ("paid", "cancelled", "held")  # endings with money received
NOT_SENT_YET = timedelta(days=2)  # parcels of the last days wait
SPREAD = 238_609_351  # no multiple of 3, as the number of characters is
HELD = ("duplicate", "amount", "out_of_stock", "order_cancelled")

Buyer = tuple[int, str, str, str]  # user id, name, number, e-mail


@dataclass
class Sub:
    """A made-up subscription. How many months are left is known from the start, and `due` is the day of the next one.

    `attempts` counts the declined ones of the month that is due.
    """

    id: int
    token: str
    plan: Product
    buyer: Buyer
    customer_uid: str
    order_id: int
    began: datetime
    months_left: int
    due: date
    last_paid: date
    attempts: int = 0
    missed: bool = False

    @property
    def anchor(self) -> int:
        return self.began.astimezone(clock.SEOUL).day

    @property
    def last_day(self) -> date:
        """The last day on which the month that is due may be paid, by the rules of the monthly run."""
        return charge_window(self.due, self.last_paid).last

    def month_is_paid(self, day: date) -> None:
        self.last_paid, self.due, self.attempts = day, charge_day(self.due, self.anchor), 0


class MadeUp:
    """Builder of rows for `bulk_insert`. The same database gives the same rows every time."""

    def __init__(self) -> None:
        self.bulk = Bulk()
        self.next_id = {one: int(db.session.scalar(select(func.max(one.id))) or 0) + 1 for one in IN_ORDER}
        self.random = random.Random(self.next_id[Payment])  # noqa: S311 - nothing here is a secret
        self.today, self.now = clock.today(), clock.now()

    def new_id(self, model: Any) -> int:
        self.next_id[model] += 1
        return self.next_id[model] - 1

    def merchant_uid(self, at: datetime) -> str:
        return f"{at.astimezone(clock.SEOUL):%y%m%d}-{self.random.getrandbits(64):016x}"

    def order(self, buyer: Buyer, merchant_uid: str, product: Product, quantity: int, at: datetime, ending: str) -> int:
        order_id, digital = self.new_id(Order), product.digital
        paid = ending in ("paid", "cancelled")
        sent_at = at + timedelta(days=1)
        states = {"paid": "paid", "cancelled": "cancelled", "held": "cancelled"}
        self.bulk.add(
            Order,
            id=order_id,
            number=self._number(order_id, at),
            user_id=buyer[0],
            kind=product.kind,
            status=states.get(ending, "expired"),
            amount=product.price * quantity,
            digital=digital,
            buyer_name=buyer[1],
            buyer_tel=buyer[2],
            buyer_email=buyer[3],
            tel_tail=buyer[2][-4:],
            buyer_addr=None if digital else "서울특별시 중구 세종대로 110",
            buyer_postcode=None if digital else "04524",
            recipient=None if digital else buyer[1],
            created_at=at,
            expires_at=at + timedelta(minutes=30),
            paid_at=at + timedelta(minutes=2) if paid else None,
            paid_by=merchant_uid if paid else None,
            cancelled_at=self._cancelled_at(at) if ending in ("cancelled", "held") else None,
            fulfilled_at=sent_at if not digital and paid and sent_at < self.now - NOT_SENT_YET else None,
        )
        self.bulk.add(
            OrderLine,
            id=self.new_id(OrderLine),
            order_id=order_id,
            product_id=product.id,
            name_ko=product.name_ko,
            name_en=product.name_en,
            unit_price=product.price,
            quantity=quantity,
        )
        return order_id

    def _number(self, order_id: int, at: datetime) -> str:
        """Return an order number that no other made-up order has: the id, spread over all that can be drawn."""
        rest, drawn = order_id * SPREAD % len(ALPHABET) ** DRAWN, ""
        for _ in range(DRAWN):
            rest, place = divmod(rest, len(ALPHABET))
            drawn += ALPHABET[place]
        return f"{at.astimezone(clock.SEOUL):%Y%m%d}-{drawn}"

    def abandoned_plan(self, sub: Sub) -> None:
        """Add a billing key and a subscription whose first month was not paid."""
        frozen = {"end_reason": "replaced", "ended_at": sub.began}
        self._key(sub, "abandoned", **frozen)
        self._subscription(sub, status="ended", **frozen)

    def key_and_subscription(self, sub: Sub) -> None:
        """Add the billing key and the subscription of a plan that began, in their state of today."""
        ended_on = self._ended_on(sub)
        started = {"customer_uid": sub.customer_uid, "anchor_day": sub.anchor, "started_at": sub.began}
        if ended_on is None:
            self._key(sub, "active")
            status = "past_due" if sub.attempts else "active"
            self._subscription(sub, status=status, next_charge_on=sub.due, **started)
            return
        reason = "missed" if sub.missed else self.random.choice(("by_buyer", "missed"))
        frozen = {"end_reason": reason, "ended_at": datetime.combine(ended_on, time(10), clock.SEOUL)}
        self._key(sub, "deleted", **frozen)
        self._subscription(sub, status="ended", **started, **frozen)

    def _ended_on(self, sub: Sub) -> date | None:
        """Return on which day it ended; None: it is active."""
        if sub.months_left == 0 and not sub.missed:
            return sub.due if sub.due < self.today else None
        if not sub.missed and self.today <= sub.last_day:
            return None
        sub.missed = True
        return min(sub.last_day, self.today - timedelta(days=1))

    def _subscription(self, sub: Sub, **state: Any) -> None:
        self.bulk.add(
            Subscription,
            id=sub.id,
            token=sub.token,
            customer_ref=str(sub.buyer[0]),
            plan_ref=str(sub.plan.id),
            purchase_id=str(sub.order_id),
            name=sub.plan.name_ko,
            amount=sub.plan.price,
            created_at=sub.began,
            **state,
        )

    def _key(self, sub: Sub, status: str, **state: Any) -> None:
        paid = status != "abandoned"
        self.bulk.add(
            BillingKey,
            id=self.new_id(BillingKey),
            customer_uid=sub.customer_uid,
            customer_ref=str(sub.buyer[0]),
            status=status,
            buyer_name=sub.buyer[1],
            buyer_tel=sub.buyer[2],
            buyer_email=sub.buyer[3],
            tel_tail=sub.buyer[2][-4:],
            pg_provider="mobilians" if paid else None,
            created_at=sub.began,
            issued_at=sub.began + timedelta(minutes=2) if paid else None,
            **state,
        )

    def payment(
        self,
        at: datetime,
        ending: str,
        kind: str,
        name: str,
        amount: int,
        merchant_uid: str,
        *,
        with_events: bool,
        **owner: Any,
    ) -> None:
        """Add one attempt to collect `amount` that ended as `ending`."""
        midnight = datetime.combine(at.astimezone(clock.SEOUL).date() + timedelta(days=1), time(), clock.SEOUL)
        # On the same day: a month is paid on the day that its `period` and the next charge are counted from.
        answered = min(at + timedelta(seconds=self.random.randrange(40, 170)), midnight - timedelta(seconds=1))
        payment_id = self.new_id(Payment)
        row = {
            "id": payment_id,
            "merchant_uid": merchant_uid,
            "period": "",
            "name": name[:40],
            "amount": amount,
            "is_test_channel": True,
            "status": "paid" if ending == "held" else ending,
            "held_reason": self.random.choice(HELD) if ending == "held" else None,
            "cancelled_amount": amount if ending == "cancelled" else 0,
            "created_at": at,
            "kind": kind,
            "given_up_at": answered if ending in ("ready", "failed") else None,  # the sandbox knows none of these
            **self._answer(payment_id, amount, ending, at, answered),
        }
        self.bulk.add(Payment, **(row | owner))
        if ending == "cancelled" or (ending == "paid" and self._is_rare(at)):
            self._cancellation(row, answered)
        if with_events:
            self._events(row, answered)

    def _answer(self, payment_id: int, amount: int, ending: str, at: datetime, answered: datetime) -> dict[str, Any]:
        """Return the columns that PortOne's report fills; all empty for a window that was left open."""
        heard, came = ending != "ready", ending in CAME
        return {
            "imp_uid": f"imp_9{payment_id:011d}" if heard else None,
            "pg_tid": f"MTID{payment_id:012d}" if came else None,
            "pg_provider": ("danal" if payment_id % 29 == 0 else "mobilians") if heard else None,
            "reported_amount": amount if heard else None,
            "fail_reason": self.random.choice(FAILURES) if ending == "failed" else None,
            "cancel_reason": self.random.choice(CANCELS) if ending == "cancelled" else None,
            "paid_at": answered if came else None,
            "failed_at": answered if ending == "failed" else None,
            "cancelled_at": self._cancelled_at(at) if ending == "cancelled" else None,
        }

    def _cancellation(self, row: dict[str, Any], answered: datetime) -> None:
        """Add the row of money that went back, or of a cancel that has no answer yet."""
        is_done = row["status"] == "cancelled"
        self.bulk.add(
            Cancellation,
            id=self.new_id(Cancellation),
            payment_id=row["id"],
            imp_uid=row["imp_uid"],
            amount=row["amount"],
            reason=row["cancel_reason"] or self.random.choice(CANCELS),
            status="done" if is_done else "requested",
            requested_at=row["cancelled_at"] or answered,
            answered_at=row["cancelled_at"],
        )

    def _is_rare(self, at: datetime) -> bool:
        """Whether to leave a cancel unfinished for staff: one in a thousand payments of the last days."""
        return at.date() > self.today - timedelta(days=5) and self.random.random() < 0.001

    def _events(self, row: dict[str, Any], answered: datetime) -> None:
        about = {"payment_id": row["id"], "merchant_uid": row["merchant_uid"], "imp_uid": row["imp_uid"]}
        if row["kind"] != "renewal":
            self._event(row["created_at"], "checkout", "ready", "opened", **about)
        if row["status"] == "ready":
            if self.random.random() < 0.02:
                self._event(answered, "callback", "unknown", "no answer: connection timed out", **about)
            return
        outcome = "held" if row["held_reason"] else "failed" if row["status"] == "failed" else "paid"
        said = {"imp_uid": row["imp_uid"], "merchant_uid": row["merchant_uid"], "status": outcome}
        report = json.dumps({**said, "amount": row["amount"], "pg_provider": row["pg_provider"]})
        reason = row["fail_reason"] or row["held_reason"] or "status, amount, currency and ids are what we asked for"
        door = "charge" if row["kind"] == "renewal" else self.random.choice(("callback", "redirect"))
        claimed = json.dumps({"imp_uid": row["imp_uid"], "imp_success": "true"})
        self._event(answered, door, outcome, reason, claimed=claimed, report=report, address="203.0.113.7", **about)
        for copy in range(1 + (self.random.random() < 0.05)):
            at = answered + timedelta(seconds=1 + 60 * copy)
            hook = {"claimed": json.dumps(said), "raw": json.dumps(said), "address": "52.78.100.19"}
            self._event(at, "webhook", "unchanged", "already recorded", report=report, **hook, **about)

    def _event(self, at: datetime, source: str, outcome: str, reason: str, **more: Any) -> None:
        row = {"claimed": "{}", **more}
        self.bulk.add(Event, id=self.new_id(Event), at=at, source=source, outcome=outcome, reason=reason, **row)

    def _cancelled_at(self, at: datetime) -> datetime:
        """Return when an order of that moment was cancelled, and its payment with it: hours or days later."""
        return min(at + timedelta(hours=1 + at.microsecond // 1000 % 59), self.now)
