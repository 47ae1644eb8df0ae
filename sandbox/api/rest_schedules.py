"""V1 endpoints for scheduled charges."""

import json
from typing import Any

from flask import Response, request

from ..ledger import schedules
from ..ledger.kg import CUSTOMER_UID_LENGTH, MERCHANT_UID_LENGTH
from ..ledger.objects import to_json
from ..ledger.options import options_of
from ..ledger.refusals import WINDOW_TOO_LONG, ApiRefused, bad_field
from ..webhooks.current import database, sender
from .envelope import (
    body_params,
    integer_of,
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
from .rest_payments import LARGEST_PAGE, LAST_PAGE, PAGE_SIZE, buyer_of

THREE_MONTHS = 93 * 24 * 3600
STATUSES = ("scheduled", "executed", "revoked")
MOST_ITEMS = 1000


@bp.post("/subscribe/payments/schedule")
def schedule() -> Response:
    """Schedule charges of a billing key. Card fields and `checking_amount` are ignored for phone payments."""
    body = body_params()
    customer_uid = text_of(body, "customer_uid", CUSTOMER_UID_LENGTH, required=True) or ""
    items = _listed(body.get("schedules"))
    if not items or len(items) > MOST_ITEMS:
        raise bad_field("schedules")
    return success(schedules.add(database(), customer_uid, [_item(item) for item in items]))


def _listed(given: Any) -> list[Any]:
    if isinstance(given, str):  # a form may carry the list as JSON
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            return []
    return given if isinstance(given, list) else []


def _item(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise bad_field("schedules")
    amount, schedule_at = won_of(given, "amount"), integer_of(given.get("schedule_at"))
    if amount is None or amount <= 0:
        raise bad_field("schedules[].amount")
    if schedule_at is None:
        raise bad_field("schedules[].schedule_at")
    return {
        "merchant_uid": text_of(given, "merchant_uid", MERCHANT_UID_LENGTH, required=True),
        "schedule_at": schedule_at,
        "amount": amount,
        "promotion_id": text_of(given, "promotion_id", 100),
        **buyer_of(given),
    }


@bp.post("/subscribe/payments/unschedule")
def unschedule() -> Response:
    """Revoke waiting schedules: all of a key, or those of the given merchant_uids (one or a list)."""
    body = body_params()
    given = body.get("merchant_uid")
    merchant_uids = given if isinstance(given, list) else [given] if given not in (None, "") else []
    customer_uid = text_of(body, "customer_uid", CUSTOMER_UID_LENGTH)
    return success(schedules.revoke(database(), customer_uid, [str(uid) for uid in merchant_uids]))


@bp.get("/subscribe/payments/schedule")
def all_schedules() -> Response:
    """List the schedules of at most three months; newest first by default."""
    oldest_first = request.args.get("sorting") == "scheduled"
    limit = query_number("limit", PAGE_SIZE, LARGEST_PAGE)
    return _between("schedule_from", "schedule_to", "schedule_status", oldest_first=oldest_first, limit=limit)


@bp.get("/subscribe/payments/schedule/customers/<customer_uid>")
@bp.get("/subscribe/customers/<customer_uid>/schedules")
def schedules_of_key(customer_uid: str) -> Response:
    """List the schedules of one billing key."""
    return _between("from", "to", "schedule-status", customer_uid=customer_uid)


def _between(
    since: str, until: str, status: str, *, customer_uid: str = "", oldest_first: bool = False, limit: int = PAGE_SIZE
) -> Response:
    first, last = query_moment(since), query_moment(until)
    if not 0 <= last - first <= THREE_MONTHS:
        raise ApiRefused(WINDOW_TOO_LONG, -1, 400)  # UNVERIFIED code and text
    wanted = request.args.get(status, "")
    if wanted and wanted not in STATUSES:
        raise bad_field(status)
    page = query_number("page", 1, LAST_PAGE)
    found = schedules.between(
        database(), first, last, wanted, customer_uid, oldest_first=oldest_first, page=page, limit=limit
    )
    in_pages = options_of(database()).schedule_lists == "page"
    return success_page(found) if in_pages else success_list(found.texts)


@bp.get("/subscribe/payments/schedule/<merchant_uid>")
def one_schedule(merchant_uid: str) -> Response:
    return success(schedules.find(database(), merchant_uid))


@bp.put("/subscribe/payments/schedule/<merchant_uid>")
def move_schedule(merchant_uid: str) -> Response:
    """Change the time of a waiting schedule."""
    return success(schedules.move(database(), merchant_uid, _moment()))


@bp.post("/subscribe/payments/schedule/<merchant_uid>/reschedule")
def reschedule(merchant_uid: str) -> Response:
    """Schedule a failed or revoked one again."""
    return success(schedules.again(database(), merchant_uid, _moment()))


@bp.post("/subscribe/payments/schedule/<merchant_uid>/retry")
def retry(merchant_uid: str) -> Response:
    """Charge a failed or revoked schedule now. The response is a payment; read its status."""
    charged = schedules.retry(database(), merchant_uid)
    sender().announce(charged.waiting)
    return success_text(to_json(charged.payment))


def _moment() -> int:
    moment = integer_of(body_params().get("schedule_at"))
    if moment is None:
        raise bad_field("schedule_at")
    return moment
