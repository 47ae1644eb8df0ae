"""State changes of payment windows: open, identify, send a code, approve, decline, close. A window ends once."""

import json
import secrets
import sqlite3
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

from ..ledger import billing_keys, clock, entries, faults, kg, lookups, modules, outbox, prepared_amounts, reversals
from ..ledger.database import Database
from ..ledger.merchant import CHANNELS, IMP_CODE, Channel, channel_of
from ..ledger.options import options_of
from ..ledger.outcomes import outcome_at, outcome_of
from ..webhooks.sender import Sender
from . import confirm
from .results import failure_result, success_result

MOST_ATTEMPTS = 5


@dataclass(frozen=True)
class WindowView:
    """A window as the page shows it. `amount` in won; `sms_expires_at` in unix seconds of real time.

    `result`, once `state` is `done`, is the callback's object with the older SDK's fields. `delivery` `lost` means:
    paid, but the result must not reach the page (no callback, no redirect).
    """

    id: str
    state: str  # open | done
    imp_uid: str
    merchant_uid: str
    amount: int
    name: str
    shop_name: str | None
    buyer_name: str
    buyer_tel: str
    digital: bool | None
    contract: Channel
    is_billing: bool
    customer_uid: str | None
    device: str  # pc | mobile
    page_url: str
    redirect_url: str | None
    callback: bool
    language: str | None
    params: Mapping[str, Any]
    sms_code: str | None
    sms_expires_at: int
    attempts: int
    delivery: str  # normal | lost
    result: dict[str, Any] | None


def open_window(
    database: Database,
    user_code: str,
    params: Mapping[str, Any],
    *,
    device: str,
    page_url: str,
    user_agent: str,
    callback: bool,
) -> str:
    """Open a window with a `ready` payment; its id. Raises kg.Refused."""
    channel = check_request(database, user_code, params)
    window_id = secrets.token_urlsafe(16)
    custom_data = params.get("custom_data")
    with database.writing() as connection:
        payment = entries.begin(
            connection,
            params,
            clock.now(database),
            channel,
            channel="mobile" if device == "mobile" else "pc",
            user_agent=user_agent,
            custom_data=None if custom_data is None else json.dumps(custom_data, ensure_ascii=False),
            customer_uid_usage="issue" if params.get("customer_uid") else None,
        )
        connection.execute(
            "INSERT INTO windows (id, imp_uid, device, page_url, callback, params) VALUES (?, ?, ?, ?, ?, ?)",
            (window_id, payment["imp_uid"], device, page_url, callback, json.dumps(params)),
        )
    return window_id


def check_request(database: Database, user_code: str, params: Mapping[str, Any]) -> Channel:
    """Check the parameters of `request_pay`; the channel to use. Raises kg.Refused."""
    if user_code != IMP_CODE:
        raise kg.Refused("SANDBOX_USER_CODE", "등록되지 않은 가맹점 식별코드입니다.")  # UNVERIFIED code and text
    kg.check_types(params)
    channel = channel_of(params.get("channelKey"), params.get("pg"))
    if channel is None:
        raise kg.Refused("SANDBOX_CHANNEL", "등록되지 않은 결제 채널입니다.")  # UNVERIFIED code and text
    modules.check(channel.pg_provider, params)
    kg.check_request(params)
    if lookups.is_approved(database, params["merchant_uid"]):
        raise kg.Refused(*kg.ALREADY_PAID)
    prepared = prepared_amounts.find(database, params["merchant_uid"])
    # UNVERIFIED code and text; that the window does not open is documented
    if prepared and prepared["amount"] != params["amount"]:
        raise kg.Refused("SANDBOX_PREPARE", "사전등록된 금액과 결제 금액이 다릅니다.")
    if prepared and prepared["currency"] not in (None, params.get("currency") or "KRW"):
        raise kg.Refused("SANDBOX_PREPARE", "사전등록된 통화와 결제 통화가 다릅니다.")
    return channel


def find(database: Database, window_id: str) -> WindowView | None:
    row = database.one("SELECT * FROM windows WHERE id = ?", window_id)
    return _view(row) if row else None


def of_payment(database: Database, imp_uid: str) -> WindowView | None:
    """The window of this payment; None for a charge by billing key."""
    row = database.one("SELECT * FROM windows WHERE imp_uid = ?", imp_uid)
    return _view(row) if row else None


def send_code(database: Database, window_id: str, *, carrier: str, phone: str, birth: str, gender: str) -> WindowView:
    """Check the buyer's identity and send an approval number. Raises kg.Declined; final if this phone cannot pay."""
    view = _open_view(database, window_id)
    kg.check_identity(carrier, phone, birth, gender)
    modules.check_identity(view.contract.pg_provider, view.params, carrier, phone)
    outcome = outcome_of(phone)
    if outcome.when == "identity" and outcome.refusal:
        if not outcome.retry:
            _end_failed(database, view, outcome.refusal.pg_code, outcome.refusal.message)
        raise kg.Declined(outcome.refusal.pg_code, outcome.refusal.message, final=not outcome.retry)
    lifetime = -1 if outcome.refusal is kg.CODE_EXPIRED else kg.CODE_SECONDS
    database.change(
        "UPDATE windows SET phone = ?, sms_code = ?, sms_expires_at = ? WHERE id = ? AND state = 'open'",
        phone,
        f"{secrets.randbelow(10**6):06d}",
        int(time.time()) + lifetime,
        window_id,
    )
    return _open_view(database, window_id)


def confirm_code(database: Database, sender: Sender, window_id: str, code: str) -> WindowView:
    """Approve the payment if the approval number is right. Raises kg.Declined."""
    view = _open_view(database, window_id)
    phone = _use_code(database, view, code)
    stopped = _confirm_with_shop(database, sender, view)
    if stopped:
        _end_failed(database, view, confirm.ERROR_CODE, stopped)
        raise kg.Declined(confirm.ERROR_CODE, stopped, final=True)
    refusal = faults.decline(database, f"/window/{window_id}/confirm") or outcome_at(phone, "approval").refusal
    if refusal:
        _end_failed(database, view, refusal.pg_code, refusal.message)
        raise kg.Declined(refusal.pg_code, refusal.message, final=True)
    return _approve(database, sender, view, phone)


def close(database: Database, window_id: str, *, noticed: bool = True) -> WindowView:
    """The buyer cancels. `noticed=False`: the browser died and the payment stays `ready`. A finished window stays."""
    view = find(database, window_id)
    if view is None:
        raise _ended()
    if noticed and view.state == "open":
        with suppress(kg.Declined):  # it ended concurrently; the view has the result
            _end_failed(database, view, None, kg.USER_CANCELLED)
    return find(database, window_id) or view


def _open_view(database: Database, window_id: str) -> WindowView:
    view = find(database, window_id)
    if view is None or view.state != "open":
        raise _ended()
    return view


def _use_code(database: Database, view: WindowView, code: str) -> str:
    """The phone number, if `code` is right. Invalidates the code, so that only one of two clicks continues."""
    if view.sms_code is None or time.time() > view.sms_expires_at:
        raise kg.Declined(kg.CODE_EXPIRED.pg_code, kg.CODE_EXPIRED.message, final=False)
    with database.writing() as connection:
        taken = connection.execute(
            "UPDATE windows SET sms_code = NULL WHERE id = ? AND state = 'open' AND sms_code = ? RETURNING phone",
            (view.id, code),
        ).fetchone()
        if taken and outcome_at(taken["phone"], "code").refusal:  # a phone number for which every code is wrong
            connection.execute("UPDATE windows SET sms_code = ? WHERE id = ?", (code, view.id))
            taken = None
    if taken is None:
        _count_wrong_code(database, view)
    return str(taken["phone"])


def _count_wrong_code(database: Database, view: WindowView) -> NoReturn:
    """Count it, unless another click has used the code: those after it would lock the window before it is done."""
    with database.writing() as connection:
        counted = connection.execute(
            "UPDATE windows SET attempts = attempts + 1 WHERE id = ? AND sms_code IS NOT NULL RETURNING attempts",
            (view.id,),
        ).fetchone()
    if counted is None:
        raise kg.Declined(kg.CODE_EXPIRED.pg_code, kg.CODE_EXPIRED.message, final=False)
    if counted["attempts"] >= MOST_ATTEMPTS:
        locked = kg.refusal_of("0039")
        _end_failed(database, view, locked.pg_code, locked.message)
        raise kg.Declined(locked.pg_code, locked.message, final=True)
    raise kg.Declined(kg.WRONG_CODE.pg_code, kg.WRONG_CODE.message, final=False)


def _confirm_with_shop(database: Database, sender: Sender, view: WindowView) -> str | None:
    """Call `confirm_url` if it is set and enabled; the reason when the shop stops the payment."""
    options, url = options_of(database), view.params.get("confirm_url")
    if not url or not options.confirm_url_enabled:
        return None
    asked = {"imp_uid": view.imp_uid, "merchant_uid": view.merchant_uid, "amount": view.amount}
    return confirm.refusal(sender.http, sender.reach, url, asked, options.confirm_timeout)


def _approve(database: Database, sender: Sender, view: WindowView, phone: str) -> WindowView:
    outcome, moment = outcome_at(phone, "after"), clock.now(database)
    try:
        with database.writing() as connection:
            payment = _claim(connection, view)
            entries.approve(connection, payment, moment, phone)
            if payment["customer_uid"] and view.contract.may_issue and not outcome.no_key:
                billing_keys.issue(connection, payment, moment, phone, view.params.get("customer_id"))
            if outcome.undone:
                undone = "UPDATE payments SET cancelled_at_kg = ? WHERE imp_uid = ?"
                connection.execute(undone, (moment, payment["imp_uid"]))
            if outcome.reversed:
                reversals.plan(connection, payment["imp_uid"], moment, outcome.reversed)
            _save_result(connection, view, success_result(payment), "lost" if outcome.lost else "normal")
            waiting = outbox.queue(database, connection, payment, silent=outcome.silent)
    except sqlite3.IntegrityError:  # the same merchant_uid was paid in another window
        duplicate = kg.refusal_of("0052")
        _end_failed(database, view, duplicate.pg_code, duplicate.message)
        raise kg.Declined(duplicate.pg_code, duplicate.message, final=True) from None
    sender.announce(waiting)
    return find(database, view.id) or view


def _end_failed(database: Database, view: WindowView, pg_code: str | None, message: str) -> None:
    with database.writing() as connection:
        payment = _claim(connection, view)
        entries.fail(connection, payment, clock.now(database), message)
        _save_result(connection, view, failure_result(payment, pg_code, message), "normal")


def _claim(connection: sqlite3.Connection, view: WindowView) -> dict[str, Any]:
    """Mark the window as done, which succeeds once; its payment."""
    taken = connection.execute(
        "UPDATE windows SET state = 'done', sms_code = NULL WHERE id = ? AND state = 'open'", (view.id,)
    )
    if taken.rowcount != 1:
        raise _ended()
    row = entries.payment_row(connection, view.imp_uid)
    if row is None:  # deleted by a reset
        raise _ended()
    payment: dict[str, Any] = json.loads(row["body"])
    return payment


def _save_result(connection: sqlite3.Connection, view: WindowView, result: Mapping[str, Any], delivery: str) -> None:
    sql = "UPDATE windows SET result = ?, delivery = ? WHERE id = ?"
    connection.execute(sql, (json.dumps(result), delivery, view.id))


def _ended() -> kg.Declined:
    return kg.Declined("SANDBOX_WINDOW", "이미 처리가 끝난 결제창입니다.", final=True)  # UNVERIFIED code and text


def _view(row: sqlite3.Row) -> WindowView:
    params = json.loads(row["params"])
    return WindowView(
        id=row["id"],
        state=row["state"],
        imp_uid=row["imp_uid"],
        merchant_uid=params["merchant_uid"],
        amount=int(params["amount"]),
        name=params.get("name") or "",
        shop_name=params.get("company"),
        buyer_name=params.get("buyer_name") or "",
        buyer_tel=params.get("buyer_tel") or "",
        digital=params.get("digital"),
        contract=channel_of(params.get("channelKey"), params.get("pg")) or CHANNELS[0],
        is_billing=bool(params.get("customer_uid")),
        customer_uid=params.get("customer_uid"),
        device=row["device"],
        page_url=row["page_url"],
        redirect_url=params.get("m_redirect_url"),
        callback=bool(row["callback"]),
        language=params.get("language"),
        params=params,
        sms_code=row["sms_code"],
        sms_expires_at=row["sms_expires_at"],
        attempts=row["attempts"],
        delivery=row["delivery"],
        result=json.loads(row["result"]) if row["result"] else None,
    )
