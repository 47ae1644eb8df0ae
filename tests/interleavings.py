"""A shop and its sandbox in one process, for tests that let anything happen in any order.

`World` acts; both databases are read here with plain SQL, past all of the shop's own code.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from app import close_app, create_app
from payments import clock, sync
from payments.cancel import cancel_payment
from payments.database import db
from payments.events import Notification
from sandbox.ledger import kg
from sandbox.ledger.cancels import REASON_BY_CONSOLE, cancel
from sandbox.ledger.merchant import CHANNELS, IMP_CODE
from sandbox.ledger.refusals import ApiRefused
from shop.config import load_settings
from shop.orders import cart
from shop.orders.models import Base, Product, User
from shop.storefront import account
from tests import clocks
from tests.conftest import sign_in
from tests.sandbox.driver import driven, travel

ADMIN = Notification("admin", actor="admin@example.com")
EMAILS = ("buyer@example.com", "second@example.com", "third@example.com")
STOCK = 3
FORM = {
    "buyer_name": "홍길동",
    "buyer_tel": "01012345678",
    "buyer_email": "buyer@example.com",
    "buyer_addr": "서울시 중구 세종대로 110",
    "buyer_postcode": "04524",
}
APPROVED, DECLINED = "01000001234", "01000000031"
KEPT_TABLES = {"users", "products", "alembic_version"}


@dataclass(frozen=True)
class Theirs:
    """One payment as the gateway has it."""

    imp_uid: str
    merchant_uid: str
    status: str
    customer_uid: str | None
    month: str
    amount: int
    left: int


class World:
    """One shop with three buyers, one short parcel and one plan; begun anew for every example."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.app: Flask = create_app(load_settings({"PORT": "5000", "CHECKOUT_LIMIT": "off"}, folder))
        clocks.keep_time_of(self.app)
        self.app.testing = True
        self.app.config["WTF_CSRF_ENABLED"] = False
        self.sandbox = driven(self.app.extensions["sandbox"])
        self.sandbox.worker.stop()  # webhooks go out when the test says so
        with self.app.app_context():
            for email in EMAILS[1:]:
                account.create_user(email, "password-of-a-buyer")
            self.users = [db.session.query(User).filter_by(email=email).one().id for email in EMAILS]
            by_position = db.session.query(Product).order_by(Product.position)
            self.goods = [
                by_position.filter_by(kind="once", digital=True).first().id,
                by_position.filter_by(kind="once", digital=False).first().id,
            ]
            self.plan = by_position.filter_by(kind="monthly").first().id
        self.clients = [self._client(email) for email in EMAILS]
        self.shop_file = sqlite3.connect(folder / "shop.sqlite3", isolation_level=None)
        self.shop_file.row_factory = sqlite3.Row

    def close(self) -> None:
        self.shop_file.close()
        self.sandbox.close()
        close_app(self.app)

    def begin(self, moment: datetime) -> None:
        """Everything forgotten; the clock at `moment`."""
        self.sandbox.database.clear()
        self.sandbox.clock.move_to(moment)
        clocks.follow(self.sandbox.clock.exactly)
        self.shop_file.execute("BEGIN IMMEDIATE")
        for table in reversed(Base.metadata.sorted_tables):
            if table.name not in KEPT_TABLES:
                self.shop_file.execute(f"DELETE FROM {table.name}")  # noqa: S608 - our own table names
        self.shop_file.execute("UPDATE products SET stock = ? WHERE stock IS NOT NULL", (STOCK,))
        self.shop_file.execute("COMMIT")
        self.asked: list[dict[str, Any]] = []  # what every checkout answered for `request_pay`
        self.windows: list[str] = []
        self.stranger = self._stranger()

    def _client(self, email: str) -> FlaskClient:
        client = self.app.test_client()
        sign_in(client, email)
        return client

    def _stranger(self) -> str:
        """A payment of the same PortOne account that is not the shop's."""
        asked = {"pay_method": "phone", "merchant_uid": "strangers", "name": "남의 것", "amount": 9900, "digital": True}
        window = self.open(asked | {"buyer_tel": "01099998888"})
        self.end(window, "approve")
        (found,) = [one for one in self.theirs() if one.merchant_uid == "strangers"]
        return found.imp_uid

    # --- buyers ---

    def checkout(self, buyer: int, what: str) -> int:
        """The HTTP status. `what`: `once`, `parcel` or `plan`."""
        with self.app.app_context():
            for product_id in self.goods:
                wanted = {"once": self.goods[0], "parcel": self.goods[1]}.get(what)
                cart.put_in_cart(self.users[buyer], product_id, 2 if product_id == wanted else 0)
        body = FORM | ({"kind": "monthly", "product_id": self.plan} if what == "plan" else {"kind": "once"})
        answer = self.clients[buyer].post("/checkout", json=body)
        if answer.status_code == 200:
            self.asked.append(answer.json["request_pay"])
        return answer.status_code

    def open(self, asked: dict[str, Any]) -> str | None:
        """The id of a new window; None when PortOne does not open it."""
        options: dict[str, Any] = {"device": "pc", "page_url": "", "user_agent": "test", "callback": True}
        try:
            window = self.sandbox.ledger.open_window(IMP_CODE, asked, **options)
        except kg.Refused:
            return None
        return window

    def open_again(self, number: int, tampered: str) -> None:
        """Open a window for some checkout, perhaps with what the page's script was told changed by the buyer."""
        if not self.asked:
            return
        asked = dict(self.asked[number % len(self.asked)])
        if tampered == "amount":
            asked["amount"] = 301
        elif tampered == "channel":
            asked["channelKey"] = CHANNELS[-1].key
        elif tampered == "key":
            asked.pop("customer_uid", None)
        window = self.open(asked)
        if window:
            self.windows.append(window)

    def end(self, window: str | None, how: str) -> None:
        if window is None:
            return
        ledger = self.sandbox.ledger
        if how == "close":
            ledger.close_window(window)
            return
        phone = {"approve": APPROVED, "decline": DECLINED}.get(how, f"0100000{how}")
        with suppress(kg.Declined):
            view = ledger.send_code(window, carrier="SKT", phone=phone, birth="900101", gender="1")
            ledger.confirm_code(window, view.sms_code or "")

    def order_page(self, act: str, order_id: int) -> int:
        owner = self.one("SELECT user_id FROM orders WHERE id = ?", order_id)["user_id"]
        client = self.clients[self.users.index(owner)]
        return client.post(f"/orders/{order_id}/{act}", data={"reason": "마음이 바뀜"}).status_code

    def end_subscription(self, subscription_id: int) -> int:
        owner = self.one("SELECT customer_ref FROM subscriptions WHERE id = ?", subscription_id)["customer_ref"]
        return self.clients[self.users.index(int(owner))].post(f"/subscriptions/{subscription_id}/end").status_code

    # --- notification ---

    def knock(self, door: str, told: dict[str, str]) -> int:
        anybody = self.app.test_client()
        if door == "redirect":
            return anybody.get("/payment/redirect", query_string=told).status_code
        if door == "form":
            return anybody.post("/payment/webhook", data=told | {"status": "paid"}).status_code
        return anybody.post(f"/payment/{door}", json=told | {"status": "paid"}).status_code

    # --- the shop's people and machines ---

    def command(self, *words: str) -> str:
        result = self.app.test_cli_runner().invoke(args=list(words))
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        assert " error" not in result.output.replace(" 0 error", ""), result.output
        return result.output

    def admin(self, act: str, payment_id: int) -> None:
        with self.app.app_context():
            provider = self.app.extensions["payments"].provider
            if act == "cancel":
                cancel_payment(provider, payment_id, "관리자 취소", ADMIN)
            elif act == "release":
                sync.release(provider, payment_id, ADMIN, "확인함")
            else:
                merchant_uid = self.one("SELECT merchant_uid FROM payments WHERE id = ?", payment_id)["merchant_uid"]
                sync.sync_payment(provider, Notification("admin", merchant_uid=merchant_uid))

    def console_cancel(self, imp_uid: str) -> None:
        with suppress(ApiRefused):
            changed = cancel(
                self.sandbox.database, imp_uid=imp_uid, merchant_uid=None, reason=REASON_BY_CONSOLE, webhook=True
            )
            self.sandbox.sender.announce(changed.waiting)

    # --- time ---

    def now(self) -> datetime:
        return self.sandbox.clock.local()

    def pass_time(self, span: timedelta) -> None:
        travel(self.sandbox.ledger, self.now() + span)

    def next_month(self) -> None:
        later = (self.now().replace(day=1) + timedelta(days=32)).replace(day=1, hour=9)
        travel(self.sandbox.ledger, later)

    def next_charge(self) -> None:
        """To nine in the morning of the next day on which a subscription is charged."""
        row = self.one("SELECT min(next_charge_on) AS day FROM subscriptions WHERE status IN ('active', 'past_due')")
        if row["day"]:
            morning = datetime.fromisoformat(f"{row['day']}T09:00:00+09:00")
            travel(self.sandbox.ledger, max(morning, self.now()))

    # --- the books, read past the shop's code ---

    def all(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        return self.shop_file.execute(sql, values).fetchall()

    def one(self, sql: str, *values: Any) -> sqlite3.Row:
        row: sqlite3.Row = self.shop_file.execute(sql, values).fetchone()
        return row

    def theirs(self) -> list[Theirs]:
        return [_theirs(row) for row in self.sandbox.database.all("SELECT body FROM payments ORDER BY id")]

    def keys_there(self) -> Iterator[str]:
        for row in self.sandbox.database.all("SELECT customer_uid FROM billing_keys"):
            yield row["customer_uid"]


def _theirs(row: Any) -> Theirs:
    body = json.loads(row["body"])
    left = body["amount"] - body["cancel_amount"] if body["status"] in ("paid", "cancelled") else 0
    month = f"{datetime.fromtimestamp(body['paid_at'], clock.SEOUL):%Y-%m}"
    return Theirs(
        body["imp_uid"], body["merchant_uid"], body["status"], body["customer_uid"], month, body["amount"], left
    )
