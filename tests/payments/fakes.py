"""A payment provider for tests, written by hand: it remembers what it was told, and refuses what the house forbids."""

import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar

from payments import clock
from payments.database import in_transaction
from payments.portone.report import (
    BillingKeyReport,
    ChargeRequest,
    NotFound,
    OutcomeUnknown,
    PaymentReport,
    ProviderError,
    Refused,
    Unauthorized,
    UnreadableRow,
)

Answer = TypeVar("Answer", bound=Callable[..., Any])


def one_at_a_time(answer: Answer) -> Answer:
    """The monthly run asks from many threads: what one reads here, no other may change before it has answered."""

    @wraps(answer)
    def alone(provider: "FakeProvider", *args: Any, **named: Any) -> Any:
        with provider.lock:
            return answer(provider, *args, **named)

    return alone  # type: ignore[return-value]


class FakeProvider:
    """Answers from a dict. Fails the test when it is asked inside an open transaction (money law 5)."""

    is_test_channel = True

    def __init__(self) -> None:
        self.reports: dict[str, PaymentReport] = {}
        self.keys: dict[str, BillingKeyReport] = {}
        self.prepared: dict[str, int] = {}
        self.asked: list[tuple[str, str]] = []
        self.charges: list[ChargeRequest] = []
        # To the next charges: paid, declined, lost, dropped, wrong amount, or an error to raise; then paid.
        self.answers: list[str | ProviderError] = []
        self.unreadable: list[UnreadableRow] = []  # rows of PortOne's lists beside the reports
        self.cancels: list[tuple[str, int]] = []  # every cancel that was asked for: imp_uid and won
        self.cancel_answers: list[
            str
        ] = []  # to the next cancels: done, refused, undone at kg, unauthorized, lost, dropped; then done
        self.trouble: ProviderError | None = None  # raised instead of answering
        self.trouble_after_cancel: ProviderError | None = None  # PortOne falls silent once it has carried out a cancel
        self.key_trouble: ProviderError | None = None
        self.charged: Callable[[], object] | None = None  # called once KG has charged, before the answer arrives
        self.lock = threading.RLock()
        self._numbers = itertools.count(1)

    # --- what PortOne does by itself ---

    @one_at_a_time
    def hears_of(self, merchant_uid: str, status: str = "paid", amount: int = 9900, **facts: Any) -> PaymentReport:
        """A window was used: PortOne now has a payment for this id."""
        imp_uid = facts.pop("imp_uid", f"imp_{next(self._numbers):012d}")
        happened = {f"{status}_at": clock.now().replace(microsecond=0)} if status != "ready" else {}
        report = PaymentReport(
            imp_uid=imp_uid,
            merchant_uid=merchant_uid,
            status=status,  # type: ignore[arg-type]
            amount=amount,
            cancelled_amount=amount if status == "cancelled" else 0,
            currency="KRW",
            pay_method="phone",
            pg_provider="mobilians",
            is_test_channel=True,
            **happened,
            as_received={"imp_uid": imp_uid, "status": status, "amount": amount},
        )
        self.reports[imp_uid] = replace(report, **facts)
        return self.reports[imp_uid]

    @one_at_a_time
    def console_cancels(self, imp_uid: str | None) -> None:
        """Somebody cancels the payment in PortOne's console."""
        report = self.reports[imp_uid or ""]
        self.reports[report.imp_uid] = replace(
            report,
            status="cancelled",
            cancelled_amount=report.amount,
            cancelled_at=clock.now(),
            cancel_reason="관리자페이지취소",
        )

    @one_at_a_time
    def issues_key(self, customer_uid: str) -> None:
        self.keys[customer_uid] = BillingKeyReport(customer_uid, "mobilians", "170622040674", clock.now(), True)

    # --- the questions of payments.portone.report.PaymentProvider ---

    @one_at_a_time
    def get_payment(self, imp_uid: str) -> PaymentReport:
        self._asked("get_payment", imp_uid)
        if imp_uid not in self.reports:
            raise NotFound("존재하지 않는 결제정보입니다.", -1)
        return self.reports[imp_uid]

    @one_at_a_time
    def find_payment(self, merchant_uid: str) -> PaymentReport:
        self._asked("find_payment", merchant_uid)
        mine = [report for report in self.reports.values() if report.merchant_uid == merchant_uid]
        for status in ("paid", "cancelled", "failed", "ready"):
            for report in mine:
                if report.status == status:
                    return report
        raise NotFound("존재하지 않는 결제정보입니다.", -1)

    @one_at_a_time
    def prepare(self, merchant_uid: str, amount: int) -> None:
        self._asked("prepare", merchant_uid)
        self.prepared[merchant_uid] = amount

    @one_at_a_time
    def get_billing_key(self, customer_uid: str) -> BillingKeyReport | None:
        self._asked("get_billing_key", customer_uid)
        if self.key_trouble:
            raise self.key_trouble
        return self.keys.get(customer_uid)

    @one_at_a_time
    def charge(self, request: ChargeRequest) -> PaymentReport:
        self._asked("charge", request.merchant_uid)
        self.charges.append(request)
        answer = self.answers.pop(0) if self.answers else "paid"
        if isinstance(answer, ProviderError):
            raise answer
        if answer == "dropped":  # the request never arrived
            raise OutcomeUnknown("no answer")
        if request.customer_uid not in self.keys:
            raise NotFound("등록되지 않은 구매자입니다.")
        if any(one.merchant_uid == request.merchant_uid and one.status == "paid" for one in self.reports.values()):
            raise Refused("이미 주문이 이루어진 건입니다")
        status = "failed" if answer == "declined" else "paid"
        facts = {"customer_uid": request.customer_uid, f"{status}_at": clock.now()}
        amount = 301 if answer == "wrong amount" else request.amount
        reason = {"fail_reason": "당월 한도 초과로 결제 불가합니다."} if status == "failed" else {}
        report = self.hears_of(request.merchant_uid, status, amount, **facts, **reason)
        if self.charged:
            self.charged()
        if answer == "lost":  # charged, but the answer never came back
            raise OutcomeUnknown("no answer")
        return report

    @one_at_a_time
    def cancel(self, imp_uid: str, amount: int, reason: str) -> PaymentReport:
        self._asked("cancel", imp_uid)
        self.cancels.append((imp_uid, amount))
        answer = self.cancel_answers.pop(0) if self.cancel_answers else "done"
        if answer == "dropped":
            raise OutcomeUnknown("no answer")
        if answer == "refused":
            raise Refused(
                "결제취소에 실패하였습니다.(결제시 등록된 정보와 현재의 정보가 불일치 하여 취소 불가능합니다.)", -1
            )
        if answer == "unauthorized":
            raise Unauthorized("Unauthorized", -1)
        if answer == "undone at kg":
            raise Refused("결제취소에 실패하였습니다.(선택하신 내역은 이미 취소가 완료 되었습니다.)", -1)
        report = self.reports[imp_uid]
        if report.status != "paid":
            raise Refused("이미 전액취소된 주문입니다.")
        if amount != report.amount:
            raise Refused("the checksum differs")
        self.reports[imp_uid] = replace(
            report, status="cancelled", cancelled_amount=amount, cancelled_at=clock.now(), cancel_reason=reason
        )
        if answer == "lost":
            self.trouble = self.trouble_after_cancel
            raise OutcomeUnknown("no answer")
        return self.reports[imp_uid]

    def payments_between(
        self, status: str, since: datetime, until: datetime
    ) -> Iterator[PaymentReport | UnreadableRow]:
        self._asked("payments_between", status)
        yield from self.unreadable
        with self.lock:
            reports = list(self.reports.values())
        for report in reports:
            moment = {"paid": report.paid_at, "cancelled": report.cancelled_at, "failed": report.failed_at}.get(status)
            if report.status == status and moment and since <= moment < until:
                yield report

    @one_at_a_time
    def delete_billing_key(self, customer_uid: str) -> None:
        self._asked("delete_billing_key", customer_uid)
        self.keys.pop(customer_uid, None)

    def within(self, seconds: float) -> "FakeProvider":
        return self

    def close(self) -> None:
        pass

    def _asked(self, question: str, about: str) -> None:
        assert not in_transaction(), f"{question}({about}) was asked inside an open transaction"
        self.asked.append((question, about))
        if self.trouble:
            raise self.trouble
