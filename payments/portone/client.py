"""REST client of PortOne V1 (formerly Iamport). `transport.py` sends the requests, `responses.py` parses the responses.

Facts that it relies on, all from PortOne's V1 documentation or from observed responses:
every response is `{code, message, response}`; HTTP 200 with `code` ≠ 0 is a refusal; one key pair has one live token
for 30 minutes, which is extended when requested again in its last minute; a look-up of a test channel's payment returns
404 unless `include_sandbox=true` (since 2026-01-26).
"""

import copy
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from ..settings import PortOneSettings
from ..signals import Call, portone_called
from .report import (
    BillingKeyReport,
    Channel,
    ChargeRequest,
    NotFound,
    OutcomeUnknown,
    PaymentReport,
    PaymentStatus,
    Refused,
    UnreadableAnswer,
    UnreadableRow,
)
from .request_pay import buyer_fields, notice_url
from .responses import (
    Answer,
    access_token,
    billing_key_report,
    channel,
    listed_payment,
    number,
    payment_report,
    response_of,
    rows,
    says_key_is_absent,
    says_no_such_key,
)
from .transport import PATIENCE_SECONDS, Transport, seconds_left

# Upper bound of a whole call in seconds, whatever the server sends: token, retries and reading the body included.
LOOK_UP_SECONDS = 10.0
MONEY_SECONDS = 30.0  # a charge or a cancel: a late response is better than having to look the outcome up

TOKEN_MARGIN_SECONDS = 60  # a request in the last minute extends the token, so no thread uses an expired one

LIST_PAGE = 100  # the limit in older documents; the current limit is 1,000
LONGEST_LIST_SECONDS = 89 * 24 * 3600  # one list request spans at most 90 days


@dataclass
class AccessToken:
    """The access token, shared by all threads."""

    value: str = ""
    until: float = 0.0  # by time.monotonic()
    clock_ahead: float = 0.0  # seconds by which PortOne's clock was ahead of ours when it was granted
    lock: threading.Lock = field(default_factory=threading.Lock)


class PortOne:
    """Client of PortOne V1, shared by threads. Implements `report.PaymentProvider`."""

    def __init__(
        self,
        settings: PortOneSettings,
        look_up_seconds: float = LOOK_UP_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self.is_test_channel = settings.is_test_channel
        self._transport = Transport(settings.api_url, patience_seconds)
        self.session = self._transport.session
        self._notice_url = notice_url(settings)
        self._credentials = {"imp_key": settings.api_key, "imp_secret": settings.api_secret}
        self._token = AccessToken()
        self._look_up_seconds = look_up_seconds
        self._until = float("inf")  # deadline set by `within`, by time.monotonic()
        self._sender = self  # sender of the signals, the same for the copies that `within` makes

    def within(self, seconds: float) -> "PortOne":
        """Return a copy (same session and token) whose calls together end within so many seconds from now."""
        bounded = copy.copy(self)
        bounded._until = min(self._until, time.monotonic() + seconds)
        return bounded

    @property
    def clock_ahead(self) -> float:
        """Seconds by which PortOne's clock was ahead of ours when the last token was granted."""
        return self._token.clock_ahead

    def close(self) -> None:
        """Close the connections."""
        self.session.close()

    # --- the methods of report.PaymentProvider ---

    def get_payment(self, imp_uid: str) -> PaymentReport:
        query = {"include_sandbox": "true"} if self.is_test_channel else {}
        return payment_report(self._call("GET", f"/payments/{_segment(imp_uid)}", params=query), imp_uid=imp_uid)

    def find_payment(self, merchant_uid: str) -> PaymentReport:
        # PortOne has one row per window opened for a merchant_uid. Without a status it returns the newest, which may
        # be a failed retry beside the paid one: so look for the paid and the cancelled one first.
        bounded = self.within(self._look_up_seconds)
        path = f"/payments/find/{_segment(merchant_uid)}"
        for status in ("/paid", "/cancelled"):
            try:
                return payment_report(bounded._call("GET", path + status), merchant_uid=merchant_uid)
            except NotFound:
                continue
        return payment_report(bounded._call("GET", path), merchant_uid=merchant_uid)

    def prepare(self, merchant_uid: str, amount: int) -> None:
        body = {"merchant_uid": merchant_uid, "amount": amount, "currency": "KRW"}
        bounded = self.within(self._look_up_seconds)
        try:
            bounded._call("POST", "/payments/prepare", json=body)
        except Refused as refusal:
            # PortOne refuses a merchant_uid that is already registered: accept that if the registered amount is ours.
            registered = bounded._prepared_amount(merchant_uid)
            if registered != amount:
                raise refusal

    def _prepared_amount(self, merchant_uid: str) -> int | None:
        try:
            return number(self._call("GET", f"/payments/prepare/{_segment(merchant_uid)}"), "amount")
        except NotFound:
            return None

    def get_billing_key(self, customer_uid: str) -> BillingKeyReport | None:
        try:
            found = self._call("GET", f"/subscribe/customers/{_segment(customer_uid)}")
            return billing_key_report(found, customer_uid=customer_uid)
        except Refused as refusal:
            if says_key_is_absent(refusal):
                return None
            raise

    def charge(self, request: ChargeRequest) -> PaymentReport:
        body = {
            "customer_uid": request.customer_uid,
            "merchant_uid": request.merchant_uid,
            "amount": request.amount,
            "name": request.name,
            "currency": "KRW",
            "notice_url": self._notice_url,
            **buyer_fields(request.buyer_name, request.buyer_tel, request.buyer_email),
        }
        try:
            # code 0 does not mean paid: a decline by KG has code 0 and the status `failed`
            charged = self._call("POST", "/subscribe/payments/again", MONEY_SECONDS, json=body)
            return payment_report(charged, merchant_uid=request.merchant_uid)
        except Refused as refusal:
            if says_no_such_key(refusal):
                raise NotFound(refusal.message, refusal.code) from refusal
            if isinstance(refusal, NotFound):  # V1 documents 404 for the key's look-up, not for a charge
                raise Refused(refusal.message, refusal.code) from refusal
            raise

    def cancel(self, imp_uid: str, amount: int, reason: str) -> PaymentReport:
        # `checksum` is the amount that we expect to be cancellable: if it differs at PortOne, PortOne refuses.
        body = {"imp_uid": imp_uid, "amount": amount, "checksum": amount, "reason": reason}
        return payment_report(self._call("POST", "/payments/cancel", MONEY_SECONDS, json=body), imp_uid=imp_uid)

    def payments_between(
        self, status: PaymentStatus, since: datetime, until: datetime
    ) -> Iterator[PaymentReport | UnreadableRow]:
        first, last = int(since.timestamp()), int(until.timestamp()) - 1  # PortOne includes both ends
        for begin in range(first, last + 1, LONGEST_LIST_SECONDS):
            span = {"from": begin, "to": min(begin + LONGEST_LIST_SECONDS - 1, last)}
            page = 1
            while page:
                query = {**span, "page": page, "limit": LIST_PAGE, "sorting": "started"}
                found = self._call("GET", f"/payments/status/{status}", params=query)
                yield from map(listed_payment, rows(found, "list"))
                following = number(found, "next")  # 0 after the last page
                if 0 < following <= page:
                    raise UnreadableAnswer("PortOne's list leads back to a page that was read already")
                page = following

    def delete_billing_key(self, customer_uid: str) -> None:
        bounded = self.within(self._look_up_seconds)
        try:
            bounded._call("DELETE", f"/subscribe/customers/{_segment(customer_uid)}")
        except Refused as refusal:
            # Confirm an absence with a look-up of the key.
            if not says_key_is_absent(refusal) or bounded.get_billing_key(customer_uid) is not None:
                raise

    # --- for `flask doctor` ---

    def channels(self) -> list[Channel]:
        """Return the contracts of this account. Raises Refused or OutcomeUnknown."""
        return [channel(found) for found in rows(self._call("GET", "/users/pg"), "list")]

    # --- one call ---

    def _call(self, method: str, path: str, seconds: float | None = None, **options: Any) -> Mapping[str, Any]:
        """Send one call with the token and return its `response`. Raises Refused (NotFound, Unauthorized) or
        OutcomeUnknown.

        It ends within `seconds`, or without them within those of a look-up. `options`: see `Transport.send`.
        """
        bounded = self.within(self._look_up_seconds if seconds is None else seconds)
        token = bounded._fresh_token()
        answer = bounded._send(method, path, token, **options)
        if answer.status == 401:  # the token ended early, for example because another process renewed it
            answer = bounded._send(method, path, bounded._fresh_token(instead_of=token), **options)
        return response_of(answer)

    def _fresh_token(self, instead_of: str = "") -> str:
        """Return the shared token, renewed if it is `instead_of` or about to expire."""
        shared = self._token
        if not shared.lock.acquire(timeout=seconds_left(self._until)):  # one thread renews it, the others wait
            raise OutcomeUnknown("no token in time")
        try:
            if shared.value == instead_of or time.monotonic() > shared.until - TOKEN_MARGIN_SECONDS:
                requested_at = time.monotonic()
                granted = response_of(self._send("POST", "/users/getToken", json=self._credentials))
                shared.value, now, expires_at = access_token(granted)
                shared.clock_ahead = now - time.time()
                # Both times are from PortOne's clock, so their difference is the lifetime whatever our clock says.
                shared.until = requested_at + expires_at - now
            return shared.value
        finally:
            shared.lock.release()

    def _send(self, method: str, path: str, token: str = "", **options: Any) -> Answer:
        """Send one request and report it through `portone_called`, with or without a response."""
        began, answer = time.monotonic(), None
        try:
            answer = self._transport.send(method, path, self._until, token, **options)
            return answer
        finally:
            result = str(answer.status) if answer else "no answer"
            call = Call(f"{method} {path}", time.monotonic() - began, result, answer)
            portone_called.send(self._sender, call=call)


def _segment(uid: str) -> str:
    """Percent-encode an id, so that it stays one segment of a path."""
    return quote(uid, safe="")
