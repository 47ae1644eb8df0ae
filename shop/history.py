"""What do the books of a shop look like after two busy years? Made-up payments, as many as wanted, to try things out.

`flask seed --payments 1000000` calls this, in sandbox mode only. Days, states, kinds, subscriptions and the events of
the last weeks are such as a real shop has; PortOne knows none of these payments, so a look-up answers "not found".
"""

import json
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import func, select

from . import clock
from .bulk import Bulk
from .database import db, end_reading
from .models import BillingKey, Event, Order, OrderLine, Payment, Product, Subscription, User
from .privacy import listed_buyer
from .subscriptions import charge_day

DAYS = 730
PAYMENTS_PER_BUYER = 9
EVENTS_FOR_DAYS = 45
MOST_WITH_EVENTS = 20_000
FLUSH_AT = 5_000

FAMILY_NAMES = "김이박최정강조윤장임한오서신권황안송류홍"
GIVEN_NAMES = ("서연", "민준", "지우", "도윤", "하은", "시우", "수아", "예준", "지호", "은서", "현우", "다은", "길동")
HOURS = (9, 10, 11, 12, 12, 13, 15, 16, 18, 19, 20, 21, 21, 22, 22, 23, 0, 1)
FAILURES = (
    ["당월 한도 초과로 결제 불가합니다."] * 5
    + ["결제가 취소되었습니다."] * 4
    + ["통신사에 등록된 정보와 일치하지 않습니다."] * 3
    + ["소액결제가 차단된 번호입니다.", "미납 요금이 있어 이용할 수 없습니다.", "승인번호가 맞지 않습니다."]
)
CANCELS = ("구매자 변심", "품절", "중복 주문")
HELD = ("surplus", "amount", "out_of_stock", "order_cancelled")
# Of a hundred thousand attempts, how many end so; the rest is paid.
ENDINGS = (("failed", 8_000), ("ready", 4_000), ("cancelled", 2_500), ("held", 300))
STILL_THERE_NEXT_MONTH = 0.93


_Buyer = tuple[int, str, str, str]  # user id, name, number, e-mail


@dataclass
class _Sub:
    """A subscription whose whole life is known when it begins."""

    id: int
    token: str
    plan: Product
    buyer: _Buyer
    customer_uid: str
    anchor: int
    months_left: int


@dataclass
class History:
    """Writes the past, day by day. `write()` yields after every piece how many payments have been added."""

    wanted: int
    written: int = 0
    bulk: Bulk = field(default_factory=Bulk)

    def write(self) -> Iterator[int]:
        self._prepare()
        with self.bulk.without_triggers():
            for day, count in self._days():
                yield from self._write_day(day, count)
            self.bulk.flush()
            yield self._news()

    def _prepare(self) -> None:
        self.next_id = {
            one: _next_id(one) for one in (User, Order, OrderLine, BillingKey, Subscription, Payment, Event)
        }
        self.random = random.Random(self.next_id[Payment])  # noqa: S311 - made-up data, the same every time
        goods = list(db.session.scalars(select(Product).order_by(Product.id)))
        self.goods = [one for one in goods if one.kind == "once"]
        self.plans = [one for one in goods if one.kind == "monthly"]
        self.today, self.now = clock.today(), clock.now()
        end_reading()
        self.due: dict[date, list[_Sub]] = defaultdict(list)
        self.told = 0
        self.subscribed: set[tuple[int, int]] = set()
        self.first_user = self.next_id[User]
        self.buyers = max(self.wanted // PAYMENTS_PER_BUYER, 20)
        for number in range(self.buyers):
            self._user(self.first_user + number)
        self.next_id[User] += self.buyers

    def _days(self) -> Iterator[tuple[date, int]]:
        """Every day with its number of attempts: growing over the years, more at weekends and around payday."""
        days = [self.today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
        weights = [
            (0.6 + number / DAYS) * (1.25 if day.weekday() >= 5 else 1) * (1.3 if day.day in (24, 25, 26) else 1)
            for number, day in enumerate(days)
        ]
        so_far, written = 0.0, 0
        for day, weight in zip(days, weights, strict=True):
            so_far += weight
            until = round(self.wanted * so_far / sum(weights))
            yield day, until - written
            written = until

    def _write_day(self, day: date, count: int) -> Iterator[int]:
        due = self.due.pop(day, [])
        self.due[day + timedelta(days=1)] += due[count:]  # more than the day holds: tried again tomorrow
        renewals = due[:count]
        firsts = sum(self.random.random() < 0.04 for _ in range(count - len(renewals)))
        kinds = ["renewal"] * len(renewals) + ["first"] * firsts + ["once"] * (count - len(renewals) - firsts)
        self.random.shuffle(kinds)
        moments = sorted(self._moment(day) for _ in range(count))
        for kind, at in zip(kinds, moments, strict=True):
            if kind == "renewal":
                self._renewal(renewals.pop(), at)
            elif kind == "first":
                self._first_month(at)
            else:
                self._order(at)
            if self.bulk.size >= FLUSH_AT:
                self.bulk.flush()
                yield self._news()

    def _news(self) -> int:
        added, self.told = self.written - self.told, self.written
        return added

    # --- who and when -------------------------------------------------------------------------------------------------

    def _moment(self, day: date) -> datetime:
        local = datetime.combine(day, time(self.random.choice(HOURS)), clock.SEOUL)
        moment = local + timedelta(seconds=self.random.randrange(3600), milliseconds=self.random.randrange(1000))
        return min(moment, self.now - timedelta(seconds=self.random.randrange(60, 3600)))

    def _user(self, user_id: int) -> None:
        email = f"buyer{user_id}@example.com"
        self.bulk.add(User, id=user_id, email=email, password_hash="!", role="buyer", created_at=self.now)  # noqa: S106

    def _buyer(self) -> _Buyer:
        """Somebody, the first ones more often."""
        number = int(self.random.random() ** 1.6 * self.buyers)
        user_id = self.first_user + number
        name = FAMILY_NAMES[number % len(FAMILY_NAMES)] + GIVEN_NAMES[number // 7 % len(GIVEN_NAMES)]
        return user_id, name, f"010{(user_id * 7_919_177 + 20_481_234) % 10**8:08d}", f"buyer{user_id}@example.com"

    def _ending(self, at: datetime) -> str:
        number, below = self.random.randrange(100_000), 0
        for ending, share in ENDINGS:
            below += share
            if number < below:
                return ending
        return "paid"

    # --- what is written ----------------------------------------------------------------------------------------------

    def _order(self, at: datetime) -> None:
        product, quantity = self.random.choice(self.goods), self.random.choice((1, 1, 1, 2))
        buyer, ending, uid = self._buyer(), self._ending(at), self._merchant_uid(at)
        amount = product.price * quantity
        order_id = self._order_row(buyer, uid, product, quantity, at, ending)
        self._payment(at, ending, buyer, "once", product.name_ko, amount, uid, order_id=order_id)

    def _order_row(
        self, buyer: _Buyer, merchant_uid: str, product: Product, quantity: int, at: datetime, ending: str
    ) -> int:
        order_id, digital = self._id(Order), product.digital
        paid = ending in ("paid", "cancelled")
        states = {"paid": "paid", "cancelled": "cancelled", "held": "cancelled"}
        self.bulk.add(
            Order,
            id=order_id,
            user_id=buyer[0],
            kind=product.kind,
            status=states.get(ending, "expired"),
            amount=product.price * quantity,
            digital=digital,
            buyer_name=buyer[1],
            buyer_tel=buyer[2],
            buyer_email=buyer[3],
            buyer_addr=None if digital else "서울특별시 중구 세종대로 110",
            buyer_postcode=None if digital else "04524",
            created_at=at,
            expires_at=at + timedelta(minutes=30),
            paid_at=at + timedelta(minutes=2) if paid else None,
            paid_by=merchant_uid if paid else None,
        )
        self.bulk.add(
            OrderLine,
            id=self._id(OrderLine),
            order_id=order_id,
            product_id=product.id,
            name_ko=product.name_ko,
            name_en=product.name_en,
            unit_price=product.price,
            quantity=quantity,
        )
        return order_id

    def _first_month(self, at: datetime) -> None:
        plan, buyer, ending = self.random.choice(self.plans), self._buyer(), self._ending(at)
        if (buyer[0], plan.id) in self.subscribed:  # nobody has the same plan twice
            self._order(at)
            return
        self.subscribed.add((buyer[0], plan.id))
        key = f"key-{self.random.getrandbits(96):024x}"
        begun = ending == "paid"
        uid = self._merchant_uid(at)
        order_id = self._order_row(buyer, uid, plan, 1, at, ending)
        sub = _Sub(self._id(Subscription), f"{self.random.getrandbits(64):016x}", plan, buyer, key, at.day, 0)
        while begun and self.random.random() < STILL_THERE_NEXT_MONTH:
            sub.months_left += 1
        self._key_and_subscription(sub, order_id, at, ending)
        owner = {"order_id": order_id, "customer_uid": key, "plan_id": plan.id}
        self._payment(at, ending, buyer, "first", plan.name_ko, plan.price, uid, **owner)
        if begun:
            self._expect(sub, at.astimezone(clock.SEOUL).date())

    def _key_and_subscription(self, sub: _Sub, order_id: int, at: datetime, ending: str) -> None:
        local = at.astimezone(clock.SEOUL).date()
        sub.anchor = local.day
        last = local
        for _ in range(sub.months_left):
            last = charge_day(last, sub.anchor)
        ends = charge_day(last, sub.anchor)
        lives = ending == "paid" and ends > self.today
        ended_at = None if lives else datetime.combine(ends, time(10), clock.SEOUL) if ending == "paid" else at
        next_charge = local
        while lives and next_charge <= self.today:
            next_charge = charge_day(next_charge, sub.anchor)
        reason = None if lives else self.random.choice(("by_buyer", "missed")) if ending == "paid" else "replaced"
        frozen = {"user_id": sub.buyer[0], "created_at": at, "ended_at": ended_at, "end_reason": reason}
        self.bulk.add(
            BillingKey,
            id=self._id(BillingKey),
            customer_uid=sub.customer_uid,
            status="active" if lives else "deleted" if ending == "paid" else "abandoned",
            buyer_name=sub.buyer[1],
            buyer_tel=sub.buyer[2],
            buyer_email=sub.buyer[3],
            tel_tail=sub.buyer[2][-4:],
            pg_provider="mobilians" if ending == "paid" else None,
            issued_at=at + timedelta(minutes=2) if ending == "paid" else None,
            **frozen,
        )
        self.bulk.add(
            Subscription,
            id=sub.id,
            token=sub.token,
            product_id=sub.plan.id,
            order_id=order_id,
            customer_uid=sub.customer_uid if ending == "paid" else None,
            status="active" if lives else "ended",
            amount=sub.plan.price,
            anchor_day=sub.anchor if ending == "paid" else None,
            next_charge_on=next_charge if lives else None,
            started_at=at if ending == "paid" else None,
            **frozen,
        )

    def _expect(self, sub: _Sub, last: date) -> None:
        if sub.months_left > 0:
            sub.months_left -= 1
            self.due[charge_day(last, sub.anchor)].append(sub)

    def _renewal(self, sub: _Sub, at: datetime) -> None:
        day = at.astimezone(clock.SEOUL).date()
        owner = {"subscription_id": sub.id, "customer_uid": sub.customer_uid, "plan_id": sub.plan.id}
        uid = f"sub-{sub.token}-{day:%Y%m}-1"
        ending = "failed" if self.random.random() < 0.05 else "paid"
        name = f"{sub.plan.name_ko} {day.month}월"
        self._payment(at, ending, sub.buyer, "renewal", name, sub.plan.price, uid, **owner)
        self._expect(sub, day)

    def _payment(
        self,
        at: datetime,
        ending: str,
        buyer: _Buyer,
        kind: str,
        name: str,
        amount: int,
        merchant_uid: str,
        **owner: Any,
    ) -> None:
        came = ending in ("paid", "cancelled", "held")
        answered = at + timedelta(seconds=self.random.randrange(40, 170))
        payment_id = self._id(Payment)
        cancelled = ending == "cancelled"
        row = {
            "id": payment_id,
            "merchant_uid": merchant_uid,
            "period": clock.period_of(at) if kind != "once" and came else None,
            "name": name[:40],
            "amount": amount,
            "is_test_channel": True,
            "status": "paid" if ending == "held" else ending,
            "held_reason": self.random.choice(HELD) if ending == "held" else None,
            "imp_uid": f"imp_9{payment_id:011d}" if ending != "ready" else None,
            "pg_tid": f"MTID{payment_id:012d}" if came else None,
            "pg_provider": ("danal" if payment_id % 29 == 0 else "mobilians") if ending != "ready" else None,
            "reported_amount": amount if ending != "ready" else None,
            "cancelled_amount": amount if cancelled else 0,
            "fail_reason": self.random.choice(FAILURES) if ending == "failed" else None,
            "cancel_reason": self.random.choice(CANCELS) if cancelled else None,
            "created_at": at,
            "paid_at": answered if came else None,
            "failed_at": answered if ending == "failed" else None,
            "cancelled_at": min(answered + timedelta(hours=self.random.randrange(1, 60)), self.now)
            if cancelled
            else None,
            "cancel_requested_at": answered if ending == "paid" and self._is_rare(at) else None,
            "kind": kind,
            **listed_buyer(*buyer[1:]),
        }
        self.bulk.add(Payment, **row, **owner)
        self.bulk.count(row | owner)
        self.written += 1
        if at.date() > self.today - timedelta(days=EVENTS_FOR_DAYS) and self.wanted - self.written <= MOST_WITH_EVENTS:
            self._events(row, answered)

    def _is_rare(self, at: datetime) -> bool:
        """One in a thousand of the last days: what a person has to look at."""
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
        self.bulk.add(Event, id=self._id(Event), at=at, source=source, outcome=outcome, reason=reason, **row)

    def _id(self, model: Any) -> int:
        self.next_id[model] += 1
        return int(self.next_id[model]) - 1

    def _merchant_uid(self, at: datetime) -> str:
        return f"{at.astimezone(clock.SEOUL):%y%m%d}-{self.random.getrandbits(64):016x}"


def _next_id(model: Any) -> int:
    return int(db.session.scalar(select(func.max(model.id))) or 0) + 1
