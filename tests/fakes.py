"""A payment provider for tests, written by hand: it remembers what it was told, and refuses what the house forbids."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from shop import clock
from shop.database import in_transaction
from shop.provider import (
    BillingKeyReport,
    ChargeRequest,
    NotFound,
    OutcomeUnknown,
    PaymentReport,
    ProviderError,
    Refused,
)


class FakeProvider:
    """Answers from a dict. Fails the test when it is asked inside an open transaction (money law 5)."""

    is_test_channel = True

    def __init__(self) -> None:
        self.reports: dict[str, PaymentReport] = {}
        self.keys: dict[str, BillingKeyReport] = {}
        self.prepared: dict[str, int] = {}
        self.asked: list[tuple[str, str]] = []
        self.charges: list[ChargeRequest] = []
        self.answers: list[str] = []  # to the next charges: paid, declined, lost, dropped, wrong amount; then paid
        self.trouble: ProviderError | None = None  # raised instead of answering
        self.key_trouble: ProviderError | None = None
        self._numbers = itertools.count(1)

    # --- what PortOne does by itself ---

    def hears_of(self, merchant_uid: str, status: str = "paid", amount: int = 9900, **facts: Any) -> PaymentReport:
        """A window was used: PortOne now has a payment for this id."""
        imp_uid = facts.pop("imp_uid", f"imp_{next(self._numbers):012d}")
        happened = {f"{status}_at": datetime(2026, 11, 24, 3, tzinfo=UTC)} if status != "ready" else {}
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

    def issues_key(self, customer_uid: str) -> None:
        self.keys[customer_uid] = BillingKeyReport(customer_uid, "mobilians", "170622040674", datetime.now(UTC))

    # --- the questions of shop.provider.PaymentProvider ---

    def get_payment(self, imp_uid: str) -> PaymentReport:
        self._asked("get_payment", imp_uid)
        if imp_uid not in self.reports:
            raise NotFound("존재하지 않는 결제정보입니다.", -1)
        return self.reports[imp_uid]

    def find_payment(self, merchant_uid: str) -> PaymentReport:
        self._asked("find_payment", merchant_uid)
        mine = [report for report in self.reports.values() if report.merchant_uid == merchant_uid]
        for status in ("paid", "cancelled", "failed", "ready"):
            for report in mine:
                if report.status == status:
                    return report
        raise NotFound("존재하지 않는 결제정보입니다.", -1)

    def prepare(self, merchant_uid: str, amount: int) -> None:
        self._asked("prepare", merchant_uid)
        self.prepared[merchant_uid] = amount

    def get_billing_key(self, customer_uid: str) -> BillingKeyReport | None:
        self._asked("get_billing_key", customer_uid)
        if self.key_trouble:
            raise self.key_trouble
        return self.keys.get(customer_uid)

    def charge(self, request: ChargeRequest) -> PaymentReport:
        self._asked("charge", request.merchant_uid)
        self.charges.append(request)
        answer = self.answers.pop(0) if self.answers else "paid"
        if answer == "dropped":  # the request never arrived
            raise OutcomeUnknown("no answer")
        if request.customer_uid not in self.keys:
            raise Refused("등록되지 않은 구매자입니다.")
        if any(one.merchant_uid == request.merchant_uid and one.status == "paid" for one in self.reports.values()):
            raise Refused("이미 주문이 이루어진 건입니다")
        status = "failed" if answer == "declined" else "paid"
        facts = {"customer_uid": request.customer_uid, f"{status}_at": clock.now()}
        amount = 301 if answer == "wrong amount" else request.amount
        reason = {"fail_reason": "당월 한도 초과로 결제 불가합니다."} if status == "failed" else {}
        report = self.hears_of(request.merchant_uid, status, amount, **facts, **reason)
        if answer == "lost":  # charged, but the answer never came back
            raise OutcomeUnknown("no answer")
        return report

    def delete_billing_key(self, customer_uid: str) -> None:
        self._asked("delete_billing_key", customer_uid)
        self.keys.pop(customer_uid, None)

    def close(self) -> None:
        pass

    def _asked(self, question: str, about: str) -> None:
        assert not in_transaction(), f"{question}({about}) was asked inside an open transaction"
        self.asked.append((question, about))
        if self.trouble:
            raise self.trouble
