"""V1 endpoints for payments: look-ups, registered amounts, cancel."""

from typing import Any

from flask import Response, request

from ..ledger import cancels, clock, lookups, prepared_amounts
from ..ledger.kg import MERCHANT_UID_LENGTH
from ..ledger.lookups import MOMENT_OF, ORDERS, STATUSES, USUAL_ORDER
from ..ledger.objects import to_json
from ..ledger.refusals import (
    NO_BALANCE,
    NO_SUCH_PAYMENT,
    NO_SUCH_STATUS,
    NOT_PREPARED,
    PAST_THE_END,
    PREPARED_ALREADY,
    TOO_MANY_IDS,
    WINDOW_TOO_LONG,
    ApiRefused,
    bad_field,
)
from ..webhooks.current import database, sender
from .envelope import (
    body_params,
    boolean_of,
    query_ids,
    query_moment,
    query_number,
    success,
    success_list,
    success_page,
    success_text,
    text_of,
    won_of,
)
from .rest import bp

PAGE_SIZE = 20
LARGEST_PAGE = 1000
LAST_PAGE = 10**9
MOST_IDS = 100
LIST_SECONDS = 90 * 24 * 3600
LONGEST_REASON = 500


def no_such_payment() -> ApiRefused:
    return ApiRefused(NO_SUCH_PAYMENT, -1, 404)


def asked_sorting() -> str:
    """UNVERIFIED: an unknown sorting means the default."""
    sorting = request.args.get("sorting", USUAL_ORDER)
    return sorting if sorting in ORDERS else USUAL_ORDER


@bp.get("/payments/<imp_uid>")
def payment(imp_uid: str) -> Response:
    """Get one payment. Test payments are hidden unless include_sandbox=true (since 2026-01-26)."""
    found = lookups.payment(database(), imp_uid)
    if found is None or (found["is_test"] and request.args.get("include_sandbox", "").lower() != "true"):
        raise no_such_payment()
    return success_text(found["body"])


@bp.get("/payments/<imp_uid>/balance")
def balance(imp_uid: str) -> Response:
    """Always refused: only PAYCO and KCP report the parts of an amount."""
    raise ApiRefused(NO_BALANCE, -1, 404)


@bp.get("/payments")
def payments() -> Response:
    """Get many payments by id: 200 when all were found, 207 when some were, 404 when none was."""
    imp_uids, merchant_uids = query_ids("imp_uid"), query_ids("merchant_uid")
    if len(imp_uids) + len(merchant_uids) > MOST_IDS:
        raise ApiRefused(TOO_MANY_IDS, -1, 400)  # UNVERIFIED status, code and text
    found, complete = lookups.many(database(), imp_uids, merchant_uids)
    if not found:
        raise no_such_payment()
    return success_list(found, 200 if complete else 207)


@bp.get("/payments/find/<merchant_uid>")
@bp.get("/payments/find/<merchant_uid>/<status>")
def find(merchant_uid: str, status: str = "") -> Response:
    """Get the first payment of a merchant_uid; the most recently started one by default."""
    found = lookups.of_order(database(), merchant_uid, status, asked_sorting(), 1, 1)
    if not found.texts:
        raise no_such_payment()
    return success_text(found.texts[0])


@bp.get("/payments/findAll")
@bp.get("/payments/findAll/<merchant_uid>")
@bp.get("/payments/findAll/<merchant_uid>/<status>")
def find_all(merchant_uid: str = "", status: str = "") -> Response:
    """List the payments of a merchant_uid, paged; 404 past the end."""
    if not merchant_uid:
        raise bad_field("merchant_uid")
    if status and status not in STATUSES:
        raise ApiRefused(NO_SUCH_STATUS, -1, 400)
    page, limit = query_number("page", 1, LAST_PAGE), query_number("limit", PAGE_SIZE, LARGEST_PAGE)
    found = lookups.of_order(database(), merchant_uid, status, asked_sorting(), page, limit)
    if not found.texts:
        raise no_such_payment()
    return success_page(found)


@bp.get("/payments/status/<status>")
def of_status(status: str) -> Response:
    """List the payments with one status within at most 90 days, paged."""
    if status not in MOMENT_OF:
        raise ApiRefused(NO_SUCH_STATUS, -1, 400)
    until = query_moment("to", clock.now(database()))
    since = query_moment("from", until - LIST_SECONDS)
    if not 0 <= until - since <= LIST_SECONDS:
        raise ApiRefused(WINDOW_TOO_LONG, -1, 400)  # UNVERIFIED
    page, limit = query_number("page", 1, LAST_PAGE), query_number("limit", PAGE_SIZE, LARGEST_PAGE)
    found = lookups.of_status(database(), status, since, until, asked_sorting(), page, limit)
    if page > 1 and not found.texts:
        raise ApiRefused(PAST_THE_END, -1, 400)  # UNVERIFIED text
    return success_page(found)


# --- registered amounts ---


@bp.route("/payments/prepare", methods=["POST", "PUT"])
def prepare() -> Response:
    """Register (POST) or change (PUT) the amount that a later window must ask for."""
    body = body_params()
    merchant_uid = text_of(body, "merchant_uid", MERCHANT_UID_LENGTH, required=True) or ""
    amount, currency = won_of(body, "amount"), text_of(body, "currency", 3)
    if amount is None or amount < 0:
        raise bad_field("amount")
    if request.method == "PUT" and not prepared_amounts.change(database(), merchant_uid, amount, currency):
        raise ApiRefused(NOT_PREPARED, -1, 404)
    if request.method == "POST" and not prepared_amounts.register(database(), merchant_uid, amount, currency):
        raise ApiRefused(PREPARED_ALREADY)
    return success({"merchant_uid": merchant_uid, "amount": amount, "currency": currency})


@bp.get("/payments/prepare/<merchant_uid>")
def prepared(merchant_uid: str) -> Response:
    """Get the amount registered for a merchant_uid."""
    found = prepared_amounts.find(database(), merchant_uid)
    if found is None:
        raise ApiRefused(NOT_PREPARED, -1, 404)
    return success(found)


# --- cancels ---


@bp.post("/payments/cancel")
def cancel() -> Response:
    """Cancel a payment. A refusal, KG's included, is HTTP 200 with a non-zero code."""
    body = body_params()
    cancelled = cancels.cancel(
        database(),
        imp_uid=text_of(body, "imp_uid", 100),
        merchant_uid=text_of(body, "merchant_uid", 100),
        amount=won_of(body, "amount") or 0,
        checksum=won_of(body, "checksum"),
        reason=text_of(body, "reason", LONGEST_REASON) or cancels.REASON_BY_API,
        webhook=boolean_of(body, "enable_webhook"),
    )
    sender().announce(cancelled.waiting)
    return success_text(to_json(cancelled.payment))


def buyer_of(body: dict[str, Any]) -> dict[str, str | None]:
    """Product and buyer fields, with V1's limits in characters."""
    limits = {
        "name": 40,
        "buyer_name": 16,
        "buyer_email": 64,
        "buyer_tel": 16,
        "buyer_addr": 128,
        "buyer_postcode": 8,
        "currency": 3,
        "custom_data": 10_000,
        "notice_url": 2000,
    }
    return {name: text_of(body, name, longest) for name, longest in limits.items()}
