"""The shop with its real sandbox in one process, without sockets: a clock to move, and buyers who pay in the window."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import Flask

from app import close_app, create_app
from payments import sync
from payments.clock import SEOUL
from payments.database import db, end_reading, transaction
from payments.events import Notification
from payments.models import Payment
from payments.portone.request_pay import request_pay
from sandbox.ledger.merchant import IMP_CODE
from shop.config import load_settings
from shop.orders import cart
from shop.orders.delivery import Buyer
from shop.orders.models import User
from tests import clocks
from tests.conftest import TEMPLATES, order_window, plan_window, product
from tests.sandbox.driver import Ledger, driven


class Sandboxed:
    """The shop, and the sandbox's books behind it."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.provider = app.extensions["payments"].provider
        self.ledger: Ledger = driven(app.extensions["sandbox"]).ledger
        clocks.keep_time_of(app)
        clocks.follow(self.ledger.clock.exactly)

    def goes_to(self, *parts: int) -> None:
        self.ledger.clock.move_to(datetime(*parts, tzinfo=SEOUL))  # type: ignore[arg-type]

    def subscribes(self, email: str, phone: str = "01012345678") -> Payment:
        """A new buyer takes the first plan and pays its first month in the window."""
        with transaction():
            user = User(email=email, password_hash="x")
            db.session.add(user)
        return self.pays_first_month(user.id, phone)

    def pays_first_month(self, user_id: int, phone: str = "01012345678") -> Payment:
        buyer = Buyer("홍길동", phone, "buyer@example.com")
        return self._pays(plan_window(self.provider, user_id, product("monthly").id, buyer), buyer, phone)

    def buys_once(self, user_id: int, phone: str = "01012345678") -> Payment:
        """A buyer pays for one thing in the window."""
        buyer = Buyer("홍길동", phone, "buyer@example.com")
        cart.put_in_cart(user_id, product().id, 1)
        return self._pays(order_window(self.provider, user_id, buyer), buyer, phone)

    def _pays(self, payment: Payment, buyer: Buyer, phone: str) -> Payment:
        params = request_pay(self.app.extensions["settings"], payment, buyer, digital=True)
        end_reading()
        window = self.ledger.open_window(IMP_CODE, params, device="pc", page_url="", user_agent="", callback=True)
        code = self.ledger.send_code(window, carrier="SKT", phone=phone, birth="900101", gender="1").sms_code
        self.ledger.confirm_code(window, code or "")
        sync.sync_payment(self.provider, Notification("callback", merchant_uid=payment.merchant_uid))
        return payment

    def at_kg(self, customer_uid: str | None = None) -> list[Any]:
        """What the gateway's own books say was paid, oldest first: rows with merchant_uid, customer_uid, paid_at."""
        rows = self.ledger.database.all("SELECT * FROM payments WHERE status = 'paid' ORDER BY paid_at, id")
        return [row for row in rows if customer_uid in (None, row["customer_uid"])]

    def books_agree(self) -> None:
        """Money law 10: over our merchant_uids both sides say the same."""
        db.session.expire_all()
        ours = {one.merchant_uid: one.amount for one in db.session.query(Payment).filter_by(status="paid")}
        end_reading()
        rows = self.ledger.database.all(
            "SELECT merchant_uid, json_extract(body, '$.amount') AS amount FROM payments WHERE status = 'paid'"
        )
        assert ours == {row["merchant_uid"]: row["amount"] for row in rows}


@contextmanager
def sandboxed(folder: Path, seeded_database: Path, **environ: str) -> Iterator[Sandboxed]:
    """Inside an app context, on a database of its own, with these settings."""
    shutil.copy(seeded_database, folder / "shop.sqlite3")
    clocks.start_sandbox(folder / "sandbox.sqlite3")
    app = create_app(load_settings(environ, folder))
    app.jinja_env.bytecode_cache = TEMPLATES
    with app.app_context():
        yield Sandboxed(app)
    close_app(app)
