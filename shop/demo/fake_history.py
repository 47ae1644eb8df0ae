"""Made-up payments of two years, as many as wanted, to try the shop with much data.

`flask seed --payments 1000000` calls this, in sandbox mode only. Days, states, kinds, subscriptions and the events of
the last weeks resemble a real shop's. The sandbox has none of these payments, so a look-up returns "not found"; the
billing keys of running subscriptions are registered there afterwards (`made_up_keys.py`).
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import select

from payments import clock
from payments.database import db, end_reading
from payments.monthly.charge_days import charge_day
from payments.monthly.models import Subscription
from shop.orders.models import Product, User

from .fake_payments import Buyer, MadeUp, Sub

DAYS = 730
EVENTS_FOR_DAYS = 45
MOST_WITH_EVENTS = 20_000
PAYMENTS_PER_BUYER = 9
FLUSH_AT = 5_000

FAMILY_NAMES = "김이박최정강조윤장임한오서신권황안송류홍"
GIVEN_NAMES = ("서연", "민준", "지우", "도윤", "하은", "시우", "수아", "예준", "지호", "은서", "현우", "다은", "길동")
HOURS = (9, 10, 11, 12, 12, 13, 15, 16, 18, 19, 20, 21, 21, 22, 22, 23, 0, 1)
# How many of 100,000 attempts end so; the rest is paid.
ENDINGS = (("failed", 8_000), ("ready", 4_000), ("cancelled", 2_500), ("held", 300))
STILL_THERE_NEXT_MONTH = 0.93
DECLINED = 0.05  # of the later months; they are tried again on the next day
NO_PASSWORD = "!"  # noqa: S105 - no password matches this hash; made-up buyers are known by it


@dataclass
class History:
    """Writer of the made-up payments, day by day. `write()` yields after every batch how many payments it added."""

    wanted: int
    written: int = 0
    rows: MadeUp = field(default_factory=MadeUp)

    def write(self) -> Iterator[int]:
        self._prepare()
        with self.rows.bulk.fast_writes():
            for day, count in self._days():
                yield from self._write_day(day, count)
            for sub in self.begun:
                self.rows.key_and_subscription(sub)
                self._flush_if_many()
            self.rows.bulk.flush()
            yield self._news()

    def _prepare(self) -> None:
        goods = list(db.session.scalars(select(Product).order_by(Product.id)))
        self.goods = [one for one in goods if one.kind == "once"]
        self.plans = [one for one in goods if one.kind == "monthly"]
        end_reading()
        self.due: dict[date, list[Sub]] = defaultdict(list)
        self.begun: list[Sub] = []
        self.told = 0
        self.subscribed: set[tuple[int, int]] = set()
        self.first_user = self.rows.next_id[User]
        self.buyers = max(self.wanted // PAYMENTS_PER_BUYER, 20)
        for _ in range(self.buyers):
            user_id = self.rows.new_id(User)
            email = f"buyer{user_id}@example.com"
            user = {"password_hash": NO_PASSWORD, "role": "buyer", "created_at": self.rows.now}
            self.rows.bulk.add(User, id=user_id, email=email, **user)

    def _days(self) -> Iterator[tuple[date, int]]:
        """Yield every day with its number of attempts: growing over time, more at weekends and around payday."""
        days = [self.rows.today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
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
        self.due[day + timedelta(days=1)] += due[count:]  # more renewals than this day's count: move to tomorrow
        renewals = due[:count]
        firsts = sum(self.rows.random.random() < 0.04 for _ in range(count - len(renewals)))
        kinds = ["renewal"] * len(renewals) + ["first"] * firsts + ["once"] * (count - len(renewals) - firsts)
        self.rows.random.shuffle(kinds)
        moments = sorted(self._moment(day) for _ in range(count))
        for kind, at in zip(kinds, moments, strict=True):
            if kind == "renewal":
                self._renewal(renewals.pop(), at)
            elif kind == "first":
                self._first_month(at)
            else:
                self._order(at)
            if self._flush_if_many():
                yield self._news()

    def _flush_if_many(self) -> bool:
        is_full = self.rows.bulk.size >= FLUSH_AT
        if is_full:
            self.rows.bulk.flush()
        return is_full

    def _news(self) -> int:
        added, self.told = self.written - self.told, self.written
        return added

    # --- buyers and times ---------------------------------------------------------------------------------------------

    def _moment(self, day: date) -> datetime:
        local = datetime.combine(day, time(self.rows.random.choice(HOURS)), clock.SEOUL)
        moment = local + timedelta(
            seconds=self.rows.random.randrange(3600), milliseconds=self.rows.random.randrange(1000)
        )
        return min(moment, self.rows.now - timedelta(seconds=self.rows.random.randrange(60, 3600)))

    def _buyer(self) -> Buyer:
        """Return a random buyer, those with low ids more often."""
        number = int(self.rows.random.random() ** 1.6 * self.buyers)
        user_id = self.first_user + number
        name = FAMILY_NAMES[number % len(FAMILY_NAMES)] + GIVEN_NAMES[number // 7 % len(GIVEN_NAMES)]
        return user_id, name, f"010{(user_id * 7_919_177 + 20_481_234) % 10**8:08d}", f"buyer{user_id}@example.com"

    def _ending(self, at: datetime) -> str:
        number, below = self.rows.random.randrange(100_000), 0
        for ending, share in ENDINGS:
            below += share
            if number < below:
                return ending
        return "paid"

    # --- rows ---------------------------------------------------------------------------------------------------------

    def _order(self, at: datetime) -> None:
        product, quantity = self.rows.random.choice(self.goods), self.rows.random.choice((1, 1, 1, 2))
        buyer, ending, uid = self._buyer(), self._ending(at), self.rows.merchant_uid(at)
        amount = product.price * quantity
        order_id = self.rows.order(buyer, uid, product, quantity, at, ending)
        self._payment(at, ending, "once", product.name_ko, amount, uid, purchase_id=str(order_id))

    def _first_month(self, at: datetime) -> None:
        plan, buyer, ending = self.rows.random.choice(self.plans), self._buyer(), self._ending(at)
        if (buyer[0], plan.id) in self.subscribed:  # a buyer subscribes to a plan only once
            self._order(at)
            return
        self.subscribed.add((buyer[0], plan.id))
        key = f"key-{self.rows.random.getrandbits(96):024x}"
        uid, day = self.rows.merchant_uid(at), at.astimezone(clock.SEOUL).date()
        order_id = self.rows.order(buyer, uid, plan, 1, at, ending)
        token = f"{self.rows.random.getrandbits(64):016x}"
        due = charge_day(day, day.day)
        sub = Sub(self.rows.new_id(Subscription), token, plan, buyer, key, order_id, at, 0, due, day)
        self._payment(at, ending, "first", plan.name_ko, plan.price, uid, customer_uid=key, purchase_id=str(order_id))
        if ending != "paid":
            self.rows.abandoned_plan(sub)
            return
        while self.rows.random.random() < STILL_THERE_NEXT_MONTH:
            sub.months_left += 1
        self.begun.append(sub)
        self._expect(sub)

    def _expect(self, sub: Sub) -> None:
        if sub.months_left > 0:
            self.due[sub.due].append(sub)

    def _renewal(self, sub: Sub, at: datetime) -> None:
        day = at.astimezone(clock.SEOUL).date()
        if not sub.due <= day <= sub.last_day:
            sub.missed = day > sub.last_day  # else it is not its day yet, in the first minutes of today
            self._order(at)
            return
        month = {"customer_uid": sub.customer_uid, "purchase_id": str(sub.id), "period": f"{sub.due:%Y-%m}"}
        uid = f"sub-{sub.token}-{sub.due:%Y%m}-{sub.attempts + 1}"
        ending = "failed" if self.rows.random.random() < DECLINED else "paid"
        name = f"{sub.plan.name_ko} {sub.due.month}월"
        self._payment(at, ending, "renewal", name, sub.plan.price, uid, **month)
        if ending == "failed":
            sub.attempts += 1
            self.due[day + timedelta(days=1)].append(sub)
            return
        sub.months_left -= 1
        sub.month_is_paid(day)
        self._expect(sub)

    def _payment(self, at: datetime, *about: Any, **owner: Any) -> None:
        self.written += 1
        recent = at.date() > self.rows.today - timedelta(days=EVENTS_FOR_DAYS)
        with_events = recent and self.wanted - self.written <= MOST_WITH_EVENTS
        self.rows.payment(at, *about, with_events=with_events, **owner)
