"""PortOne V1 (formerly Iamport): the REST calls. What comes back is read by `answers.py`; nobody else knows V1's JSON.

Facts that shape it, all from PortOne's V1 documentation or answers seen on the wire:
every answer is `{code, message, response}`; HTTP 200 with `code` ≠ 0 is a refusal; one key pair has one live token for
30 minutes, prolonged when asked for again in its last minute; a test channel's payment answers 404 to a plain look-up
unless `include_sandbox=true` (since 2026-01-26).
"""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

import requests
from requests.adapters import HTTPAdapter
from requests.utils import default_headers
from urllib3.util import Retry

from .answers import moment, number, optional, payment_report, response_of, rows, text
from .config import Settings
from .provider import (
    BillingKeyReport,
    Channel,
    ChargeRequest,
    NotFound,
    OutcomeUnknown,
    PaymentReport,
    PaymentStatus,
    Refused,
    Unauthorized,
)
from .request_pay import buyer_fields, notice_url
from .signals import Asked, portone_asked

CONNECT_SECONDS = 3.05
READ_SECONDS = 10.0
TOKEN_MARGIN_SECONDS = 60  # asking again in the last minute prolongs the token, so nobody meets a dead one

LIST_PAGE = 100  # older documents' limit; today's is 1,000
LONGEST_LIST_SECONDS = 89 * 24 * 3600  # one look-up of a list spans at most 90 days

HEADERS = dict(default_headers())  # what `requests` says of itself, and that it can unpack

# How many calls may wait for PortOne at once, and how long one more waits for its turn. The server has more threads
# than that, so pages that need no PortOne go on while it hangs.
MOST_AT_ONCE = 16
PATIENCE_SECONDS = 2.0


class PortOne:
    """Asks PortOne V1 over one `requests.Session`, shared by threads. See `provider.PaymentProvider`."""

    def __init__(
        self, settings: Settings, read_seconds: float = READ_SECONDS, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        self.is_test_channel = settings.is_test_channel
        self.session = requests.Session()
        # Only GETs are repeated: a POST whose answer was lost may have moved money.
        retry = Retry(
            total=2,
            backoff_factor=0.2,
            status_forcelist=(502, 503, 504),
            allowed_methods={"GET"},
            raise_on_status=False,
        )
        self.session.mount("https://", HTTPAdapter(max_retries=retry, pool_maxsize=32))
        self.session.mount("http://", HTTPAdapter(max_retries=retry, pool_maxsize=32))
        _read_environment_once(self.session, settings.api_url)
        self._url = settings.api_url
        self._notice_url = notice_url(settings)
        self._timeout = (CONNECT_SECONDS, read_seconds)
        self._credentials = {"imp_key": settings.api_key, "imp_secret": settings.api_secret}
        self._token = ""
        self._token_until = 0.0  # by time.monotonic()
        self._token_lock = threading.Lock()
        self._places, self._patience = threading.BoundedSemaphore(MOST_AT_ONCE), patience_seconds
        self.clock_ahead = 0.0  # seconds by which PortOne's clock is ahead of ours, as of the last token

    def close(self) -> None:
        """Give the connections back."""
        self.session.close()

    # --- the questions of provider.PaymentProvider ---

    def get_payment(self, imp_uid: str) -> PaymentReport:
        query = {"include_sandbox": "true"} if self.is_test_channel else {}
        return payment_report(self._ask("GET", f"/payments/{quote(imp_uid, safe='')}", params=query))

    def find_payment(self, merchant_uid: str) -> PaymentReport:
        # One merchant_uid owns a row for every window that was opened. Without a state PortOne answers with the
        # newest, which may be a failed retry beside the paid one: so ask for the states that matter first.
        path = f"/payments/find/{quote(merchant_uid, safe='')}"
        for state in ("/paid", "/cancelled"):
            try:
                return payment_report(self._ask("GET", path + state))
            except NotFound:
                continue
        return payment_report(self._ask("GET", path))

    def prepare(self, merchant_uid: str, amount: int) -> None:
        body = {"merchant_uid": merchant_uid, "amount": amount, "currency": "KRW"}
        try:
            self._ask("POST", "/payments/prepare", json=body)
        except Refused as refusal:
            # "Already registered" comes as a plain refusal: see whether it is registered as we want it.
            registered = self._prepared_amount(merchant_uid)
            if registered != amount:
                raise refusal

    def get_billing_key(self, customer_uid: str) -> BillingKeyReport | None:
        try:
            found = self._ask("GET", f"/subscribe/customers/{quote(customer_uid, safe='')}")
        except Unauthorized:
            raise
        except Refused:  # 404 by the documents, 200 with code 1 on the wire: both mean that there is none
            return None
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
            **buyer_fields(request),
        }
        # code 0 does not mean paid: KG's decline comes as code 0 with the status `failed`
        return payment_report(self._ask("POST", "/subscribe/payments/again", json=body))

    def cancel(self, imp_uid: str, amount: int, reason: str) -> PaymentReport:
        # `checksum` is what we believe can still be cancelled: if PortOne knows better, nothing is done.
        body = {"imp_uid": imp_uid, "amount": amount, "checksum": amount, "reason": reason}
        return payment_report(self._ask("POST", "/payments/cancel", json=body))

    def payments_between(self, status: PaymentStatus, since: datetime, until: datetime) -> Iterator[PaymentReport]:
        first, last = int(since.timestamp()), int(until.timestamp()) - 1  # PortOne includes both ends
        for begin in range(first, last + 1, LONGEST_LIST_SECONDS):
            window = {"from": begin, "to": min(begin + LONGEST_LIST_SECONDS - 1, last)}
            yield from self._listed(status, window)

    def _listed(self, status: PaymentStatus, window: Mapping[str, int]) -> Iterator[PaymentReport]:
        page = 1
        while page:
            query = {**window, "page": page, "limit": LIST_PAGE, "sorting": "started"}
            found = self._ask("GET", f"/payments/status/{status}", params=query)
            yield from map(payment_report, rows(found, "list"))
            page = number(found, "next")

    def delete_billing_key(self, customer_uid: str) -> None:
        try:
            self._ask("DELETE", f"/subscribe/customers/{quote(customer_uid, safe='')}")
        except Unauthorized:
            raise
        except Refused:  # by the documents a 404, on the wire code 1: both say that there is none (any longer)
            if self.get_billing_key(customer_uid) is not None:
                raise

    # --- for `flask doctor` ---

    def channels(self) -> list[Channel]:
        """The contracts of this account. Raises Refused or OutcomeUnknown."""
        return [
            Channel(
                optional(one, "channel_key"),
                text(one, "pg_provider"),
                text(one, "pg_id"),
                one.get("sandbox") is True,
            )
            for one in rows(self._ask("GET", "/users/pg"), "list")
        ]

    def _prepared_amount(self, merchant_uid: str) -> int | None:
        try:
            return number(self._ask("GET", f"/payments/prepare/{quote(merchant_uid, safe='')}"), "amount")
        except NotFound:
            return None

    # --- one call ---

    def _ask(self, method: str, path: str, **options: Mapping[str, Any]) -> Mapping[str, Any]:
        """The `response` of one call. Raises Refused (NotFound, Unauthorized) or OutcomeUnknown."""
        with self._place():
            token = self._fresh_token()
            answer = self._send(method, path, token, **options)
            if answer.status_code == 401:  # the token died early, for example because another process renewed it
                answer = self._send(method, path, self._fresh_token(instead_of=token), **options)
            return response_of(answer)

    @contextmanager
    def _place(self) -> Iterator[None]:
        """One of the few places in which a call may wait for PortOne."""
        if not self._places.acquire(timeout=self._patience):
            raise OutcomeUnknown("too many calls are waiting for PortOne")
        try:
            yield
        finally:
            self._places.release()

    def _fresh_token(self, instead_of: str = "") -> str:
        with self._token_lock:  # one thread renews, the others wait for its token
            if self._token == instead_of or time.monotonic() > self._token_until - TOKEN_MARGIN_SECONDS:
                asked_at = time.monotonic()
                granted = response_of(self._send("POST", "/users/getToken", json=self._credentials))
                self.clock_ahead = number(granted, "now") - time.time()
                self._token = text(granted, "access_token")
                # Their two clock readings, not ours: the difference is the lifetime.
                self._token_until = asked_at + number(granted, "expired_at") - number(granted, "now")
            return self._token

    def _send(
        self,
        method: str,
        path: str,
        token: str = "",
        params: Mapping[str, Any] | None = None,
        json: Mapping[str, Any] | None = None,
    ) -> requests.Response:
        began, result, answer = time.monotonic(), "no answer", None
        try:
            answer = self._carry(_prepared(method, self._url + path, token, params, json))
            result = str(answer.status_code)
            return answer
        except requests.RequestException as error:
            raise OutcomeUnknown(f"{method} {path}: {type(error).__name__}") from error
        finally:
            portone_asked.send(self, asked=Asked(f"{method} {path}", time.monotonic() - began, result, answer))

    def _carry(self, request: requests.PreparedRequest) -> requests.Response:
        """Straight to the session's connections: V1 knows no cookies and no redirects, so what a session would do about
        them for every call is left out."""
        session = self.session
        verify = session.verify if session.verify is not None else True
        answer = session.get_adapter(self._url).send(
            request, timeout=self._timeout, verify=verify, proxies=session.proxies
        )
        answer.content  # noqa: B018 - read to its end, which gives the connection back
        return answer


def _prepared(
    method: str, url: str, token: str, params: Mapping[str, Any] | None, json: Mapping[str, Any] | None
) -> requests.PreparedRequest:
    request = requests.PreparedRequest()
    request.method, request.url = method, f"{url}?{urlencode(params)}" if params else url  # ids are quoted already
    request.prepare_headers({**HEADERS, "Authorization": f"Bearer {token}"} if token else HEADERS)
    request.prepare_body(None, None, json)
    return request


def _read_environment_once(session: requests.Session, url: str) -> None:
    """The environment's proxy and CA bundle, found as `requests` finds them, but not anew for every call. And without
    its .netrc: a line for PortOne's host there would take the place of our token."""
    found = session.merge_environment_settings(url, {}, None, None, None)
    session.proxies, session.verify = found["proxies"], found["verify"]
    session.trust_env = False
