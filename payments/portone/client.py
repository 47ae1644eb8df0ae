"""REST client of PortOne V1 (formerly Iamport). `responses.py` parses the responses.

Facts that it relies on, all from PortOne's V1 documentation or from observed responses:
every response is `{code, message, response}`; HTTP 200 with `code` ≠ 0 is a refusal; one key pair has one live token
for 30 minutes, which is extended when requested again in its last minute; a look-up of a test channel's payment returns
404 unless `include_sandbox=true` (since 2026-01-26).
"""

import copy
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from ..privacy import printable
from ..settings import PortOneSettings
from ..signals import Asked, portone_asked
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
    moment,
    number,
    optional,
    payment_report,
    response_of,
    rows,
    says_key_is_absent,
    says_no_such_key,
    text,
)

# Upper bound of a whole call in seconds, whatever the server sends: token, retries and reading the body included.
LOOK_UP_SECONDS = 10.0
MONEY_SECONDS = 30.0  # a charge or a cancel: a late response is better than having to look the outcome up

CONNECT_SECONDS = 3.05
LARGEST_ANSWER = 1_000_000  # bytes; a list of 100 payments has about 200,000
TOKEN_MARGIN_SECONDS = 60  # a request in the last minute extends the token, so no thread uses an expired one

LIST_PAGE = 100  # the limit in older documents; the current limit is 1,000
LONGEST_LIST_SECONDS = 89 * 24 * 3600  # one list request spans at most 90 days

# How many calls to PortOne may run at once, and how long one more waits for a free slot. The server has more threads
# than that, so pages that do not need PortOne still respond while it hangs.
MOST_AT_ONCE = 16
PATIENCE_SECONDS = 2.0


@dataclass
class AccessToken:
    """The access token, shared by all threads."""

    value: str = ""
    until: float = 0.0  # by time.monotonic()
    clock_ahead: float = 0.0  # seconds by which PortOne's clock was ahead of ours when it was granted
    lock: threading.Lock = field(default_factory=threading.Lock)


class PortOne:
    """Client of PortOne V1 over one `requests.Session`, shared by threads. Implements `report.PaymentProvider`."""

    def __init__(
        self,
        settings: PortOneSettings,
        look_up_seconds: float = LOOK_UP_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self.is_test_channel = settings.is_test_channel
        self.session = _session(settings.api_url)
        self._url = settings.api_url
        self._notice_url = notice_url(settings)
        self._credentials = {"imp_key": settings.api_key, "imp_secret": settings.api_secret}
        self._token = AccessToken()
        self._places, self._patience = threading.BoundedSemaphore(MOST_AT_ONCE), patience_seconds
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
        return payment_report(self._ask_briefly("GET", f"/payments/{quote(imp_uid, safe='')}", params=query))

    def find_payment(self, merchant_uid: str) -> PaymentReport:
        # PortOne has one row per window opened for a merchant_uid. Without a status it returns the newest, which may
        # be a failed retry beside the paid one: so look for the paid and the cancelled one first.
        path = f"/payments/find/{quote(merchant_uid, safe='')}"
        bounded = self.within(self._look_up_seconds)
        for state in ("/paid", "/cancelled"):
            try:
                return payment_report(bounded._ask_briefly("GET", path + state))
            except NotFound:
                continue
        return payment_report(bounded._ask_briefly("GET", path))

    def prepare(self, merchant_uid: str, amount: int) -> None:
        body = {"merchant_uid": merchant_uid, "amount": amount, "currency": "KRW"}
        bounded = self.within(self._look_up_seconds)
        try:
            bounded._ask_briefly("POST", "/payments/prepare", json=body)
        except Refused as refusal:
            # PortOne refuses a merchant_uid that is already registered: accept that if the registered amount is ours.
            registered = bounded._prepared_amount(merchant_uid)
            if registered != amount:
                raise refusal

    def get_billing_key(self, customer_uid: str) -> BillingKeyReport | None:
        try:
            found = self._ask_briefly("GET", f"/subscribe/customers/{quote(customer_uid, safe='')}")
        except Refused as refusal:
            if says_key_is_absent(refusal):
                return None
            raise
        return BillingKeyReport(
            customer_uid=text(found, "customer_uid"),
            pg_provider=text(found, "pg_provider"),
            pg_id=text(found, "pg_id"),
            issued_at=moment(found, "inserted"),
        )

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
            return payment_report(self.within(MONEY_SECONDS)._ask("POST", "/subscribe/payments/again", json=body))
        except Refused as refusal:
            if says_no_such_key(refusal):
                raise NotFound(refusal.message, refusal.code) from refusal
            if isinstance(refusal, NotFound):  # V1 documents 404 for the key's look-up, not for a charge
                raise Refused(refusal.message, refusal.code) from refusal
            raise

    def cancel(self, imp_uid: str, amount: int, reason: str) -> PaymentReport:
        # `checksum` is the amount that we expect to be cancellable: if it differs at PortOne, PortOne refuses.
        body = {"imp_uid": imp_uid, "amount": amount, "checksum": amount, "reason": reason}
        return payment_report(self.within(MONEY_SECONDS)._ask("POST", "/payments/cancel", json=body))

    def payments_between(
        self, status: PaymentStatus, since: datetime, until: datetime
    ) -> Iterator[PaymentReport | UnreadableRow]:
        first, last = int(since.timestamp()), int(until.timestamp()) - 1  # PortOne includes both ends
        for begin in range(first, last + 1, LONGEST_LIST_SECONDS):
            window = {"from": begin, "to": min(begin + LONGEST_LIST_SECONDS - 1, last)}
            yield from self._listed(status, window)

    def _listed(self, status: PaymentStatus, window: Mapping[str, int]) -> Iterator[PaymentReport | UnreadableRow]:
        page = 1
        while page:
            query = {**window, "page": page, "limit": LIST_PAGE, "sorting": "started"}
            found = self._ask_briefly("GET", f"/payments/status/{status}", params=query)
            yield from map(_row, rows(found, "list"))
            page = number(found, "next")

    def delete_billing_key(self, customer_uid: str) -> None:
        bounded = self.within(self._look_up_seconds)
        try:
            bounded._ask_briefly("DELETE", f"/subscribe/customers/{quote(customer_uid, safe='')}")
        except Refused as refusal:
            # Confirm an absence with a look-up of the key.
            if not says_key_is_absent(refusal) or bounded.get_billing_key(customer_uid) is not None:
                raise

    # --- for `flask doctor` ---

    def channels(self) -> list[Channel]:
        """Return the contracts of this account. Raises Refused or OutcomeUnknown."""
        return [
            Channel(
                optional(one, "channel_key"),
                text(one, "pg_provider"),
                text(one, "pg_id"),
                one.get("sandbox") is True,
            )
            for one in rows(self._ask_briefly("GET", "/users/pg"), "list")
        ]

    def _prepared_amount(self, merchant_uid: str) -> int | None:
        try:
            return number(self._ask_briefly("GET", f"/payments/prepare/{quote(merchant_uid, safe='')}"), "amount")
        except NotFound:
            return None

    # --- one call ---

    def _ask_briefly(self, method: str, path: str, **options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Call `_ask` within the time of a look-up: for every call except charge and cancel."""
        return self.within(self._look_up_seconds)._ask(method, path, **options)

    def _ask(self, method: str, path: str, **options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send one call and return its `response`. Raises Refused (NotFound, Unauthorized) or OutcomeUnknown."""
        token = self._fresh_token()
        answer = self._send(method, path, token, **options)
        if answer.status == 401:  # the token ended early, for example because another process renewed it
            answer = self._send(method, path, self._fresh_token(instead_of=token), **options)
        return response_of(answer)

    def _fresh_token(self, instead_of: str = "") -> str:
        shared = self._token
        if not shared.lock.acquire(timeout=self._seconds_left()):  # one thread renews, the others wait for its token
            raise OutcomeUnknown("no token in time")
        try:
            if shared.value == instead_of or time.monotonic() > shared.until - TOKEN_MARGIN_SECONDS:
                asked_at = time.monotonic()
                granted = response_of(self._send("POST", "/users/getToken", json=self._credentials))
                shared.clock_ahead = number(granted, "now") - time.time()
                # Both times are from PortOne's clock, so their difference is the lifetime whatever our clock says.
                shared.until = asked_at + number(granted, "expired_at") - number(granted, "now")
                shared.value = text(granted, "access_token")
            return shared.value
        finally:
            shared.lock.release()

    def _seconds_left(self) -> float:
        """Return how many seconds this call may still take. Raises OutcomeUnknown when there are none left."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise OutcomeUnknown("PortOne took too long")
        return left

    def _send(self, method: str, path: str, token: str = "", **options: Any) -> Answer:
        began, result, answer = time.monotonic(), "no answer", None
        try:
            answer = self._within_time(method, path, token, options)
            result = str(answer.status)
            return answer
        except (requests.RequestException, TimeoutError) as error:
            raise OutcomeUnknown(f"{method} {path}: {type(error).__name__}") from error
        finally:
            portone_asked.send(self._sender, asked=Asked(f"{method} {path}", time.monotonic() - began, result, answer))

    def _within_time(self, method: str, path: str, token: str, options: dict[str, Any]) -> Answer:
        """Send in a separate thread and stop waiting for it at the deadline.

        A socket time-out bounds only a single read. It bounds neither a server that keeps sending single bytes nor a
        hanging DNS look-up. The thread keeps its slot until it ends, so hanging threads stay limited in number.
        """
        if not self._places.acquire(timeout=min(self._patience, self._seconds_left())):
            raise OutcomeUnknown("too many calls are waiting for PortOne")
        done: Future[Answer] = Future()

        def carry() -> None:
            try:
                done.set_result(self._carry(method, path, token, options))
            except BaseException as error:
                done.set_exception(error)
            finally:
                self._places.release()

        threading.Thread(target=carry, name="portone", daemon=True).start()
        return done.result(timeout=self._seconds_left())

    def _carry(self, method: str, path: str, token: str, options: dict[str, Any]) -> Answer:
        left = self._seconds_left()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        timeout = (min(CONNECT_SECONDS, left), left)
        with self.session.request(
            method, self._url + path, headers=headers, timeout=timeout, allow_redirects=False, stream=True, **options
        ) as response:
            body = b""
            for part in response.iter_content(65536):
                body += part
                self._seconds_left()
                if len(body) > LARGEST_ANSWER:
                    raise OutcomeUnknown(f"PortOne's answer has more than {LARGEST_ANSWER:,} bytes")
        return Answer(response.request, response.status_code, body)


def _row(found: Mapping[str, Any]) -> PaymentReport | UnreadableRow:
    """Parse one row of a list; an unreadable row becomes an UnreadableRow, so that the others are still returned."""
    try:
        return payment_report(found)
    except UnreadableAnswer as error:
        return UnreadableRow(_shown(found, "imp_uid"), _shown(found, "merchant_uid"), str(error))


def _shown(found: Mapping[str, Any], key: str) -> str:
    """Return an id of an unreadable row, cleaned and cut so that it can be stored and shown."""
    return printable(optional(found, key) or "", 80)


def _session(url: str) -> requests.Session:
    """Create the session, which keeps its connections open between calls.

    Only GETs are retried, never a POST: its response may be lost after money has moved. The server's `Retry-After` is
    ignored, because it has no upper bound. The environment's proxy and CA bundle are read once, as `requests` would.
    .netrc is not read, because an entry for PortOne's host there would replace our token.
    """
    session = requests.Session()
    retry = Retry(
        total=2,
        read=1,
        backoff_factor=0.2,
        status_forcelist=(502, 503, 504),
        allowed_methods={"GET"},
        raise_on_status=False,
        respect_retry_after_header=False,
    )
    session.mount("https://", HTTPAdapter(max_retries=retry, pool_maxsize=MOST_AT_ONCE))
    session.mount("http://", HTTPAdapter(max_retries=retry, pool_maxsize=MOST_AT_ONCE))
    found = session.merge_environment_settings(url, {}, None, None, None)
    session.proxies, session.verify = found["proxies"], found["verify"]
    session.trust_env = False
    return session
