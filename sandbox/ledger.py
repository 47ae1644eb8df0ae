"""The books: which payments, prepared amounts and billing keys are there, and how may they change?"""

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from . import kg
from .clock import Clock
from .database import Database
from .objects import new_billing_key, new_imp_uid, new_payment, new_pg_tid
from .settings import CHANNELS, IMP_CODE, TEST_MID

ORDERS = {
    "started": "started_at, id",
    "-started": "started_at DESC, id DESC",
    "paid": "paid_at, id",
    "-paid": "paid_at DESC, id DESC",
    "updated": "updated_at, id",
    "-updated": "updated_at DESC, id DESC",
}
STATUSES = ("ready", "paid", "cancelled", "failed")


class Ledger:
    """What the imitated PortOne and KG know. Every change is one durable transaction."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self.clock = clock

    # --- payments ---

    def payment(self, imp_uid: str) -> dict[str, Any] | None:
        row = self.database.one("SELECT body FROM payments WHERE imp_uid = ?", imp_uid)
        return json.loads(row["body"]) if row else None

    def payments_of(self, merchant_uid: str, status: str = "", sorting: str = "-started") -> list[dict[str, Any]]:
        """Every window and charge of one order id; in one state if asked."""
        of_status, values = ("AND status = ?", [status]) if status else ("", [])
        rows = self.database.all(
            f"SELECT body FROM payments WHERE merchant_uid = ? {of_status} ORDER BY {ORDERS[sorting]}",  # noqa: S608
            merchant_uid,
            *values,
        )
        return [json.loads(row["body"]) for row in rows]

    def is_paid(self, merchant_uid: str) -> bool:
        found = self.database.one("SELECT 1 FROM payments WHERE merchant_uid = ? AND status = 'paid'", merchant_uid)
        return found is not None

    def begin(self, params: Mapping[str, Any], *, channel: str, pg: tuple[str, str], user_agent: str) -> dict[str, Any]:
        """A payment whose window has just opened: `ready`, and it stays so if nobody comes back."""
        now = self.clock.now()
        payment = new_payment(
            new_imp_uid(),
            params,
            now,
            channel=channel,
            pg_provider=pg[0],
            pg_id=pg[1],
            user_agent=user_agent,
            custom_data=json.dumps(params["custom_data"], ensure_ascii=False) if params.get("custom_data") else None,
            customer_uid_usage="issue" if params.get("customer_uid") else None,
        )
        notice_url = params.get("notice_url")
        with self.database.writing() as books:
            books.execute(
                "INSERT INTO payments (imp_uid, merchant_uid, status, customer_uid, started_at, updated_at, notice_url,"
                " body) VALUES (?, ?, 'ready', ?, ?, ?, ?, ?)",
                (
                    payment["imp_uid"],
                    payment["merchant_uid"],
                    payment["customer_uid"],
                    now,
                    now,
                    json.dumps(notice_url) if notice_url else None,
                    json.dumps(payment),
                ),
            )
        return payment

    def approve(
        self, books: sqlite3.Connection, payment: dict[str, Any], phone: str, *, makes_key: bool = True
    ) -> None:
        """KG approved: the payment is paid and, if it names a key, the key is issued. IntegrityError: paid already."""
        now = self.clock.now()
        payment |= {"status": "paid", "paid_at": now, "pg_tid": new_pg_tid()}
        self._save(books, payment)
        if payment["customer_uid"] and makes_key:
            books.execute(
                "INSERT OR REPLACE INTO billing_keys VALUES (?, ?, ?)",
                (payment["customer_uid"], phone, json.dumps(new_billing_key(payment, now))),
            )

    def fail(self, books: sqlite3.Connection, payment: dict[str, Any], reason: str) -> None:
        payment |= {"status": "failed", "failed_at": self.clock.now(), "fail_reason": reason}
        self._save(books, payment)

    def _save(self, books: sqlite3.Connection, payment: dict[str, Any]) -> None:
        books.execute(
            "UPDATE payments SET status = ?, paid_at = ?, failed_at = ?, cancelled_at = ?, updated_at = ?, body = ?"
            " WHERE imp_uid = ?",
            (
                payment["status"],
                payment["paid_at"],
                payment["failed_at"],
                payment["cancelled_at"],
                self.clock.now(),
                json.dumps(payment),
                payment["imp_uid"],
            ),
        )

    # --- prepared amounts ---

    def prepared(self, merchant_uid: str) -> dict[str, Any] | None:
        row = self.database.one("SELECT * FROM prepared WHERE merchant_uid = ?", merchant_uid)
        return dict(row) if row else None

    def prepare(self, merchant_uid: str, amount: int, currency: str | None) -> bool:
        """Register an amount beforehand. False: this merchant_uid is registered already."""
        try:
            with self.database.writing() as books:
                books.execute("INSERT INTO prepared VALUES (?, ?, ?)", (merchant_uid, amount, currency))
        except sqlite3.IntegrityError:
            return False
        return True

    def prepare_anew(self, merchant_uid: str, amount: int, currency: str | None) -> bool:
        """Change a registered amount. False: there is none."""
        with self.database.writing() as books:
            changed = books.execute(
                "UPDATE prepared SET amount = ?, currency = ? WHERE merchant_uid = ?", (amount, currency, merchant_uid)
            )
        return changed.rowcount == 1

    # --- billing keys ---

    def billing_key(self, customer_uid: str) -> dict[str, Any] | None:
        row = self.database.one("SELECT body FROM billing_keys WHERE customer_uid = ?", customer_uid)
        return json.loads(row["body"]) if row else None

    # --- what is checked before a window opens ---

    def check_request(self, user_code: str, params: Mapping[str, Any]) -> tuple[str, str]:
        """The (pg_provider, pg_id) that this request may use. Raises kg.Refused."""
        if user_code != IMP_CODE:
            raise kg.Refused("SANDBOX_USER_CODE", "등록되지 않은 가맹점 식별코드입니다.")  # UNVERIFIED code and text
        kg.check_request(params)
        if self.is_paid(params["merchant_uid"]):
            raise kg.Refused(*kg.ALREADY_PAID)
        prepared = self.prepared(params["merchant_uid"])
        if prepared and prepared["amount"] != params["amount"]:
            # UNVERIFIED code and text; that the window does not open is documented
            raise kg.Refused("SANDBOX_PREPARE", "사전등록된 금액과 결제 금액이 다릅니다.")
        return _contract(params)


def _contract(params: Mapping[str, Any]) -> tuple[str, str]:
    """Which contract pays. Both `channelKey` and `pg` given: UNVERIFIED, the channel key wins."""
    unknown = kg.Refused("SANDBOX_CHANNEL", "등록되지 않은 결제 채널입니다.")  # UNVERIFIED code and text
    channel_key, pg = params.get("channelKey"), params.get("pg")
    if channel_key:
        if channel_key not in CHANNELS:
            raise unknown
        return CHANNELS[channel_key][0], CHANNELS[channel_key][1]
    if not pg:
        return "mobilians", TEST_MID  # the console's default PG
    provider, _, mid = str(pg).partition(".")
    if provider != "mobilians" or (mid and mid != TEST_MID):
        raise unknown
    return "mobilians", TEST_MID
