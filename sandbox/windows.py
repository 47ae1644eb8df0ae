"""What happens in a payment window? Opened, identified, a code sent, approved, declined or closed: once each."""

import json
import secrets
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from . import kg
from .ledger import Ledger
from .outcomes import outcome_of
from .settings import SHOP_NAME

MOST_ATTEMPTS = 5


@dataclass(frozen=True)
class WindowView:
    """What the page shows. Amount in won; `code_expires_at` in unix seconds of real time."""

    id: str
    state: str  # open | done
    imp_uid: str
    merchant_uid: str
    amount: int
    name: str
    shop_name: str
    buyer_tel: str
    customer_uid: str | None
    device: str  # pc | mobile
    page_url: str
    redirect_url: str | None
    callback: bool
    language: str | None
    code: str | None
    code_expires_at: int
    delivery: str  # normal | lost
    result: dict[str, Any] | None


class Windows:
    """The windows of one sandbox. `on_paid(books, payment)` queues the webhook inside the approving transaction."""

    def __init__(self, ledger: Ledger, on_paid: Callable[[sqlite3.Connection, dict[str, Any]], None]) -> None:
        self.ledger = ledger
        self.database = ledger.database
        self._on_paid = on_paid

    def open(
        self, user_code: str, params: Mapping[str, Any], *, device: str, page_url: str, user_agent: str, callback: bool
    ) -> str:
        """The id of a new window; its payment is `ready` from now on. Raises kg.Refused."""
        contract = self.ledger.check_request(user_code, params)
        payment = self.ledger.begin(params, channel=device, pg=contract, user_agent=user_agent)
        window_id = secrets.token_urlsafe(16)
        with self.database.writing() as books:
            books.execute(
                "INSERT INTO windows (id, imp_uid, device, page_url, callback, params) VALUES (?, ?, ?, ?, ?, ?)",
                (window_id, payment["imp_uid"], device, page_url, callback, json.dumps(params)),
            )
        return window_id

    def view(self, window_id: str) -> WindowView | None:
        row = self.database.one("SELECT * FROM windows WHERE id = ?", window_id)
        if row is None:
            return None
        params = json.loads(row["params"])
        return WindowView(
            id=row["id"],
            state=row["state"],
            imp_uid=row["imp_uid"],
            merchant_uid=params["merchant_uid"],
            amount=int(params["amount"]),
            name=str(params.get("name") or ""),
            shop_name=str(params.get("company") or SHOP_NAME),
            buyer_tel=str(params["buyer_tel"]),
            customer_uid=params.get("customer_uid"),
            device=row["device"],
            page_url=row["page_url"],
            redirect_url=params.get("m_redirect_url"),
            callback=bool(row["callback"]),
            language=params.get("language"),
            code=row["code"],
            code_expires_at=row["code_expires_at"],
            delivery=row["delivery"],
            result=json.loads(row["result"]) if row["result"] else None,
        )

    def send_code(self, window_id: str, *, carrier: str, phone: str, birth: str, gender: str) -> WindowView:
        """Check who pays and send an approval number. Raises kg.Declined, final for a line that may never pay."""
        view = self._open_view(window_id)
        _check_identity(carrier, phone, birth, gender)
        outcome = outcome_of(phone)
        if outcome.when == "identity" and outcome.refusal:
            retry = outcome.refusal.pg_code in ("0011", "0023")  # another carrier may be chosen in the same window
            if not retry:
                self._end_failed(view, outcome.refusal.pg_code, outcome.refusal.message)
            raise kg.Declined(outcome.refusal.pg_code, outcome.refusal.message, final=not retry)
        self.database.connection().execute(
            "UPDATE windows SET phone = ?, code = ?, code_expires_at = ? WHERE id = ? AND state = 'open'",
            (phone, f"{secrets.randbelow(10**6):06d}", int(time.time()) + kg.CODE_SECONDS, window_id),
        )
        return self._open_view(window_id)

    def confirm_code(self, window_id: str, code: str) -> WindowView:
        """The buyer typed the approval number: KG approves, or raises kg.Declined."""
        view = self._open_view(window_id)
        if view.code is None or time.time() > view.code_expires_at:
            raise kg.Declined(kg.CODE_EXPIRED.pg_code, kg.CODE_EXPIRED.message, final=False)
        if not secrets.compare_digest(code.encode(), view.code.encode()):
            self._count_wrong_code(view)
        row = self.database.one("SELECT phone FROM windows WHERE id = ?", window_id)
        phone = row["phone"] if row else ""
        refusal = outcome_of(phone).refusal
        if refusal:
            self._end_failed(view, refusal.pg_code, refusal.message)
            raise kg.Declined(refusal.pg_code, refusal.message, final=True)
        return self._approve(view, phone)

    def close(self, window_id: str, *, noticed: bool = True) -> WindowView:
        """The buyer gave up. Unnoticed (a dead browser), the payment stays `ready` for ever."""
        view = self._open_view(window_id)
        if noticed:
            self._end_failed(view, None, kg.USER_CANCELLED)
        return self.view(window_id) or view

    def _open_view(self, window_id: str) -> WindowView:
        view = self.view(window_id)
        if view is None or view.state != "open":
            raise kg.Declined("0052", "이미 처리가 끝난 결제창입니다.", final=True)  # UNVERIFIED text
        return view

    def _count_wrong_code(self, view: WindowView) -> None:
        self.database.connection().execute("UPDATE windows SET attempts = attempts + 1 WHERE id = ?", (view.id,))
        row = self.database.one("SELECT attempts FROM windows WHERE id = ?", view.id)
        if row and row["attempts"] >= MOST_ATTEMPTS:
            locked = "반복적인 실패로 당일 결제가 불가합니다. 익일 다시 시도 부탁드립니다."
            self._end_failed(view, "0039", locked)
            raise kg.Declined("0039", locked, final=True)
        raise kg.Declined(kg.WRONG_CODE.pg_code, kg.WRONG_CODE.message, final=False)

    def _approve(self, view: WindowView, phone: str) -> WindowView:
        outcome = outcome_of(phone)
        try:
            with self.database.writing() as books:
                payment = self._end(books, view)
                self.ledger.approve(books, payment, phone, makes_key=not outcome.no_key)
                self._finish(books, view, success_result(payment), "lost" if outcome.lost else "normal")
                self._on_paid(books, payment)
        except sqlite3.IntegrityError:  # the same merchant_uid was paid in another window meanwhile
            message = "상점거래번호 중복으로 결제가 불가한 거래입니다. 처음부터 다시 시도 부탁드립니다."
            self._end_failed(view, "0052", message)
            raise kg.Declined("0052", message, final=True) from None
        return self.view(view.id) or view

    def _end_failed(self, view: WindowView, pg_code: str | None, message: str) -> None:
        with self.database.writing() as books:
            payment = self._end(books, view)
            self.ledger.fail(books, payment, message)
            self._finish(books, view, failure_result(payment, pg_code, message), "normal")

    def _end(self, books: sqlite3.Connection, view: WindowView) -> dict[str, Any]:
        """Take the window: of two who end it, one does. The payment as it is now."""
        taken = books.execute(
            "UPDATE windows SET state = 'done', code = NULL WHERE id = ? AND state = 'open'", (view.id,)
        )
        if taken.rowcount != 1:
            raise kg.Declined("0052", "이미 처리가 끝난 결제창입니다.", final=True)  # UNVERIFIED text
        row = books.execute("SELECT body FROM payments WHERE imp_uid = ?", (view.imp_uid,)).fetchone()
        payment: dict[str, Any] = json.loads(row["body"])
        return payment

    def _finish(self, books: sqlite3.Connection, view: WindowView, result: Mapping[str, Any], delivery: str) -> None:
        books.execute(
            "UPDATE windows SET result = ?, delivery = ? WHERE id = ?", (json.dumps(result), delivery, view.id)
        )


def _check_identity(carrier: str, phone: str, birth: str, gender: str) -> None:
    if carrier not in kg.CARRIERS or not (phone.isdigit() and phone.startswith("01") and len(phone) in (10, 11)):
        raise kg.Declined(kg.NO_SUCH_PHONE.pg_code, kg.NO_SUCH_PHONE.message, final=False)
    month, day = birth[2:4], birth[4:6]
    if not (birth.isdigit() and len(birth) == 6 and "01" <= month <= "12" and "01" <= day <= "31"):
        raise kg.Declined(kg.WRONG_BIRTH.pg_code, kg.WRONG_BIRTH.message, final=False)
    if gender not in tuple("12345678"):
        raise kg.Declined(kg.WRONG_BIRTH.pg_code, kg.WRONG_BIRTH.message, final=False)


def success_result(payment: Mapping[str, Any]) -> dict[str, Any]:
    """The callback's object for a paid window, with the fields of the older SDKs."""
    copied = ("imp_uid", "merchant_uid", "pay_method", "name", "currency", "pg_provider", "pg_tid", "status", "paid_at")
    result = {key: payment[key] for key in copied}
    result |= {key: payment[key] or "" for key in payment if key.startswith("buyer_")}
    custom = json.loads(payment["custom_data"]) if payment["custom_data"] else None
    return result | {
        "success": True,
        "paid_amount": payment["amount"],
        "pg_type": "payment",
        "apply_num": payment["apply_num"],
        "receipt_url": payment["receipt_url"] or "",
        "custom_data": custom,
        "error_code": None,
        "error_msg": None,
    }


def failure_result(payment: Mapping[str, Any], pg_code: str | None, message: str) -> dict[str, Any]:
    """The callback's object for a window that came to nothing: KG's raw code and text."""
    return {
        "success": False,
        "imp_uid": payment["imp_uid"],
        "merchant_uid": payment["merchant_uid"],
        "error_code": pg_code,
        "error_msg": message,
    }
