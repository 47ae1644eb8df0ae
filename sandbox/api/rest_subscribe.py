"""V1 endpoints for billing keys ("customers"): charge, look-up, delete."""

from flask import Response

from ..ledger import billing_keys, charges, lookups
from ..ledger.faults import MARKER
from ..ledger.kg import CUSTOMER_UID_LENGTH, MERCHANT_UID_LENGTH
from ..ledger.objects import to_json
from ..ledger.refusals import NO_API_MODULE, NO_SUCH_CUSTOMER, TOO_MANY_IDS, ApiRefused, bad_field
from ..webhooks.current import database, sender
from .envelope import body_params, query_ids, query_number, success_list, success_page, success_text, text_of, won_of
from .rest import bp
from .rest_payments import LAST_PAGE, MOST_IDS, PAGE_SIZE, buyer_of, no_such_payment


@bp.post("/subscribe/payments/again")
def again() -> Response:
    """Charge a key. KG's decline is code 0 with a payment whose status is `failed`."""
    body = body_params()
    asked = {
        "customer_uid": text_of(body, "customer_uid", CUSTOMER_UID_LENGTH, required=True),
        "merchant_uid": text_of(body, "merchant_uid", MERCHANT_UID_LENGTH, required=True),
        "amount": won_of(body, "amount"),
        **buyer_of(body),  # `name` is required by the schema, but PortOne's own clients leave it out
    }
    if asked["amount"] is None:
        raise bad_field("amount")
    charged = charges.again(database(), asked)
    sender().announce(charged.waiting)
    answer = success_text(to_json(charged.payment))
    if charged.lost:
        answer.headers[MARKER] = "hang"
    return answer


@bp.post("/subscribe/payments/onetime")
@bp.post("/subscribe/customers/<customer_uid>")
def no_api_module(customer_uid: str = "") -> Response:
    """Always refused: KG issues phone billing keys in a window only.

    INF for onetime: the text was observed at the other path.
    """
    raise ApiRefused(NO_API_MODULE)


@bp.get("/subscribe/customers/<customer_uid>")
def billing_key(customer_uid: str) -> Response:
    """Get one billing key. A missing key is HTTP 200 with code 1, as observed (the schema says 404)."""
    found = billing_keys.find(database(), customer_uid)
    if found is None:
        raise ApiRefused(NO_SUCH_CUSTOMER % customer_uid)
    return success_text(found)


@bp.delete("/subscribe/customers/<customer_uid>")
def delete_billing_key(customer_uid: str) -> Response:
    """Delete a billing key and return it."""
    found = billing_keys.delete(database(), customer_uid)
    if found is None:
        raise ApiRefused(NO_SUCH_CUSTOMER % customer_uid)
    return success_text(found)


@bp.get("/subscribe/customers")
def many_billing_keys() -> Response:
    """Get many keys by id: 200 when all were found, 207 when some were, 404 when none was."""
    asked = list(dict.fromkeys(query_ids("customer_uid")))
    if len(asked) > MOST_IDS:
        raise ApiRefused(TOO_MANY_IDS, -1, 400)  # UNVERIFIED: whether there is a limit
    found = [key for uid in asked if (key := billing_keys.find(database(), uid)) is not None]
    if not found:
        raise ApiRefused(NO_SUCH_CUSTOMER % ", ".join(asked), 1, 404)  # UNVERIFIED code and text
    return success_list(found, 200 if len(found) == len(asked) else 207)


@bp.get("/subscribe/customers/<customer_uid>/payments")
def payments_of_key(customer_uid: str) -> Response:
    """List the payments of a key, the issuing one included. UNVERIFIED: twenty per page."""
    found = lookups.of_customer(database(), customer_uid, query_number("page", 1, LAST_PAGE), PAGE_SIZE)
    if not found.texts:
        raise no_such_payment()
    return success_page(found)
