"""The sandbox's controls by HTTP: windows without a browser, webhooks, faults, the console, the clock."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from urllib.parse import quote

import requests

from ..ledger.merchant import CHANNELS
from ..ledger.outbox import NOT_SENT
from .patterns import json_of
from .trouble import Unplayable
from .wording import answer_text

SECONDS = 30
SECONDS_OF_A_JOURNEY = 300  # a shop that moves with the clock does its charge days on the way
WEBHOOK_SECONDS = 20.0
LOOK_SECONDS = 0.05
ENOUGH = 10_000  # times that a fault strikes; its count then tells whether it did


class PortOne:
    """One sandbox. `listen` is called with what was done and what came of it. `alone`: nobody else pays there."""

    def __init__(self, http: requests.Session, url: str, token: str = "", *, alone: bool = False) -> None:
        self.url = url.rstrip("/")
        self.listen: Callable[[str, str], None] = lambda request, answer: None
        self._http, self._alone = http, alone
        self._headers = {"X-Controls-Token": token} if token else {}

    def ask(self, method: str, path: str, *, seconds: float = SECONDS, **content: Any) -> Any:
        """The JSON that the controls answer. Raises Unplayable: they are part of the check, not of the shop."""
        url = f"{self.url}/controls{path}"
        try:
            answer = self._http.request(method, url, headers=self._headers, timeout=seconds, **content)
        except (requests.RequestException, ValueError) as error:
            raise Unplayable("sandbox_no_answer", path=f"/controls{path}", error=type(error).__name__) from None
        found = json_of(answer.text)
        if not isinstance(found, Mapping):
            raise Unplayable("sandbox_other", path=f"/controls{path}", got=answer.status_code)
        if answer.status_code == 401 and found.get("error") == "unauthorized":
            raise Unplayable("sandbox_token")
        if answer.status_code >= 400:
            why = str(found.get("message", ""))[:200]
            raise Unplayable("sandbox_refused", path=f"/controls{path}", got=answer.status_code, why=why)
        return found

    # --- windows ---

    def open_window(self, request_pay: Mapping[str, Any]) -> tuple[str, str]:
        """Open a window that nobody types into: its imp_uid, or "" and why it was refused."""
        asked = dict(request_pay)
        told = self.ask("POST", "/payments", json={**asked, "outcome": "open"})
        shown = f"IMP.request_pay  {{merchant_uid: {asked.get('merchant_uid')}, amount: {asked.get('amount')}}}"
        if not told.get("imp_uid"):
            self.listen(shown, str(told.get("error_msg")))
            return "", str(told.get("error_msg"))
        self.listen(shown, f"{told['imp_uid']}: ready, {asked.get('amount')} KRW")
        return str(told["imp_uid"]), ""

    def end_window(self, imp_uid: str, outcome: str = "approve", phone: str = "") -> dict[str, Any]:
        """Approve, decline or close a window; what its callback gets."""
        body = {"outcome": outcome} | ({"phone": phone} if phone else {})
        told = dict(self.ask("POST", f"/payments/{imp_uid}/window", json=body))
        payment = self.payment(imp_uid)
        why = f", {told['error_msg']}" if told.get("error_msg") else ""
        self.listen(f"KG  {phone or outcome}", f"{imp_uid}: {payment['status']}, {payment['amount']} KRW{why}")
        return told

    def payment(self, imp_uid: str) -> dict[str, Any]:
        """A payment as PortOne has it. Raises Unplayable for one that the sandbox has forgotten."""
        found = self.ask("GET", "/payments", params={"imp_uid": imp_uid})["payments"]
        if not found:
            raise Unplayable("sandbox_refused", path="/controls/payments", got=404, why=imp_uid)
        return dict(found[0])

    def payments_of_key(self, customer_uid: str) -> list[dict[str, Any]]:
        """The payments of a billing key, the latest first."""
        return list(self.ask("GET", "/payments", params={"customer_uid": customer_uid})["payments"])

    def delete_key(self, customer_uid: str) -> None:
        """Delete a billing key, so that nobody charges it any more."""
        self.ask("DELETE", f"/billing-keys/{quote(customer_uid, safe='')}")

    def cancel(self, imp_uid: str) -> None:
        """Cancel in the console."""
        self.ask("POST", f"/payments/{imp_uid}/cancel")
        self.listen("PortOne console  cancel", f"{imp_uid}: {self.payment(imp_uid)['status']}")

    # --- webhooks ---

    def wait_for_webhooks(self, imp_uid: str, status: str = "paid") -> int:
        """Wait until the webhooks of this status were answered; the status of the last answer. Raises Unplayable."""
        until = time.monotonic() + WEBHOOK_SECONDS
        sent = self._webhooks(imp_uid, status)
        while not sent or any(one["state"] == "waiting" for one in sent):
            if time.monotonic() > until:
                raise Unplayable("webhook_not_delivered", imp_uid=imp_uid)
            time.sleep(LOOK_SECONDS)
            sent = self._webhooks(imp_uid, status)
        return self._answered(sent)

    def send_again(self, imp_uid: str, status: str = "paid") -> int:
        """Send the webhooks of this status once more; the status of the last answer."""
        for one in self._webhooks(imp_uid, status):
            self.ask("POST", f"/deliveries/{one['id']}/redeliver", seconds=2 * SECONDS)
        return self._answered(self._webhooks(imp_uid, status))

    def _webhooks(self, imp_uid: str, status: str) -> list[dict[str, Any]]:
        found = self.ask("GET", "/deliveries", params={"imp_uid": imp_uid})["deliveries"]
        return [one for one in found if one["body"].get("status") == status]

    def _answered(self, sent: list[dict[str, Any]]) -> int:
        for one in sent:
            told = (
                answer_text(one["answer_status"] or 0, "", str(one["answer"] or ""), "")
                if one["answer_status"]
                else one["answer"]
            )
            self.listen(f"PortOne  webhook {one['url']}", str(told or ""))
            if one["answer"] == NOT_SENT:
                raise Unplayable("webhook_not_allowed", url=one["url"])
            if one["answer_status"] is None:
                raise Unplayable("webhook_unanswered", url=one["url"], error=str(one["answer"])[:100])
        return int(sent[0]["answer_status"]) if sent else 0

    # --- outages ---

    def look_ups(self, payment: Mapping[str, Any]) -> list[str]:
        """The paths at which a shop looks up this payment; in a sandbox of our own, also those of lists."""
        uid = payment["merchant_uid"]
        own = [f"/payments/{payment['imp_uid']}", f"/payments/find/{uid}*", f"/payments/findAll/{uid}*"]
        return own + (["/payments", "/payments/status/*"] if self._alone else [])

    @contextmanager
    def disturbed(self, paths: list[str], fault: str, **more: Any) -> Iterator[Callable[[], bool]]:
        """Disturb these paths within the block, and nothing else; the function tells whether a fault has struck."""
        added: list[int] = []
        try:
            for path in paths:
                body = {"path": path, "fault": fault, "count": ENOUGH, **more}
                added.append(self.ask("POST", "/faults", json=body)["id"])
            self.listen(f"PortOne  {fault} {' '.join(str(value) for value in more.values())}".strip(), " ".join(paths))
            yield lambda: self._has_struck(added)
        finally:
            for fault_id in added:
                self.ask("DELETE", f"/faults/{fault_id}")

    def _has_struck(self, added: list[int]) -> bool:
        rules = self.ask("GET", "/faults")["faults"]
        return any(rule["count"] < ENOUGH for rule in rules if rule["id"] in added)

    # --- the clock ---

    def now(self) -> datetime:
        """The sandbox's time in Seoul. Raises Unplayable, also when something else answers there."""
        try:
            return datetime.fromisoformat(self.ask("GET", "/clock")["now"])
        except (KeyError, TypeError, ValueError):
            raise Unplayable("sandbox_other", path="/controls/clock", got=200) from None
        except Unplayable as error:
            if error.key == "sandbox_refused":  # a sandbox shows its clock
                raise Unplayable("sandbox_other", path="/controls/clock", got=error.facts["got"]) from None
            raise

    def move_to(self, moment: datetime, *, with_shop: bool = False) -> None:
        """Move the clock forward; with the shop, which does on the way what its cron would."""
        path = "/clock/with-shop" if with_shop else "/clock"
        told = self.ask("POST", path, json={"to": moment.isoformat()}, seconds=SECONDS_OF_A_JOURNEY)
        self.listen(f"clock → {moment:%Y-%m-%d %H:%M}", str(told.get("message") or ""))


def channel_of_other_kind(payment: Mapping[str, Any]) -> str:
    """The key of a channel that is a test channel where this payment's is none, and the other way round."""
    return next(channel.key for channel in CHANNELS if channel.is_test_channel != payment["sandbox"])
