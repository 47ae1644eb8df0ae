"""The table on which money turns, row by row, and its promises as properties."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.decision import CANCEL_TEXTS, Decision, Standing, decide, refusal_to_approve
from payments.models import Payment
from payments.portone.report import PaymentReport

OPEN, LATE, CLOSED = Standing.open(), Standing.late(), Standing.closed("order_cancelled", "취소된 주문")


def a_payment(**columns: Any) -> Payment:
    defaults = {"merchant_uid": "m-1", "amount": 9900, "status": "ready", "is_test_channel": True}
    return Payment(**(defaults | columns))


def a_report(**facts: Any) -> PaymentReport:
    status = facts.get("status", "paid")
    defaults = {
        "imp_uid": "imp_1",
        "merchant_uid": "m-1",
        "status": "paid",
        "amount": 9900,
        "cancelled_amount": 9900 if status == "cancelled" else 0,
        "currency": "KRW",
        "pay_method": "phone",
        "pg_provider": "mobilians",
        "is_test_channel": True,
        "paid_at": datetime(2054, 11, 24, tzinfo=UTC),
    }
    return PaymentReport(**(defaults | facts))


def decided(
    payment: Payment, report: PaymentReport, standing: Standing = OPEN, *, taken: bool = False
) -> tuple[str, str | None, str | None]:
    decision = decide(payment, report, standing, paid_by_another=taken)
    return decision.outcome, decision.status, decision.held_reason


@pytest.mark.parametrize("before", ["ready", "failed"])
def test_paid_as_asked_is_paid(before: str) -> None:
    assert decided(a_payment(status=before), a_report()) == ("paid", "paid", None)


@pytest.mark.parametrize("before", ["paid", "cancelled"])
def test_the_same_news_again_changes_nothing(before: str) -> None:
    assert decided(a_payment(status=before, imp_uid="imp_1"), a_report(), CLOSED) == ("unchanged", None, None)


def test_second_paid_window_of_an_attempt_is_a_duplicate_and_leaves_the_row_alone() -> None:
    assert decided(a_payment(status="paid", imp_uid="imp_0"), a_report(), CLOSED) == ("held", None, None)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [({"amount": 100}, "amount"), ({"amount": 99000}, "amount"), ({"currency": "USD"}, "currency")],
)
def test_the_wrong_money_is_paid_and_held(facts: dict[str, Any], reason: str) -> None:
    assert decided(a_payment(), a_report(**facts)) == ("held", "paid", reason)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"is_test_channel": False}, "channel"),
        ({"pay_method": "card"}, "method"),
        ({"customer_uid": "key-of-another"}, "customer_uid"),
    ],
)
def test_another_kind_of_payment_waits_for_a_person_and_is_not_called_paid(facts: dict[str, Any], reason: str) -> None:
    assert decided(a_payment(), a_report(**facts)) == ("held", None, reason)


def test_a_live_shop_does_not_accept_a_payment_through_a_test_channel() -> None:
    assert decided(a_payment(is_test_channel=False), a_report(is_test_channel=True)) == ("held", None, "channel")


@pytest.mark.parametrize(
    ("standing", "taken", "reason"),
    [(OPEN, True, "duplicate"), (CLOSED, True, "duplicate"), (CLOSED, False, CLOSED.reason)],
)
def test_right_money_for_a_purchase_that_cannot_take_it_is_held_and_cancelled(
    standing: Standing, taken: bool, reason: str
) -> None:
    assert decided(a_payment(), a_report(), standing, taken=taken) == ("held", "paid", reason)
    decision = decide(a_payment(), a_report(), standing, paid_by_another=taken)
    assert decision.cancel_text == (CANCEL_TEXTS["duplicate"] if taken else CLOSED.cancel_text)


def test_money_that_only_a_person_can_judge_is_held_and_not_cancelled() -> None:
    standing = Standing.held("key_channel")
    decision = decide(a_payment(), a_report(), standing, paid_by_another=False)
    assert (decision.outcome, decision.held_reason, decision.cancel_text) == ("held", "key_channel", None)
    assert refusal_to_approve(a_payment(), standing, 9900, paid_by_another=False) == "order_gone"


def test_a_late_purchase_may_still_be_paid_but_no_window_is_approved_for_it() -> None:
    assert decided(a_payment(), a_report(), LATE) == ("paid", "paid", None)
    assert refusal_to_approve(a_payment(), LATE, 9900, paid_by_another=False) == "order_gone"


@pytest.mark.parametrize(
    ("payment", "standing", "amount", "taken", "refusal"),
    [
        ({}, OPEN, 9900, False, None),
        ({}, OPEN, 9901, False, "amount"),
        ({}, OPEN, None, False, "amount"),
        ({"status": "paid"}, OPEN, 9900, False, "paid"),
        ({"status": "cancelled"}, OPEN, 9900, False, "paid"),
        ({}, OPEN, 9900, True, "paid"),
        ({}, CLOSED, 9900, False, "order_gone"),
    ],
)
def test_only_the_right_amount_for_an_open_purchase_is_approved(
    payment: dict[str, Any], standing: Standing, amount: int | None, taken: bool, refusal: str | None
) -> None:
    assert refusal_to_approve(a_payment(**payment), standing, amount, paid_by_another=taken) == refusal


def test_failed_closes_only_an_open_attempt() -> None:
    failed = a_report(status="failed", fail_reason="당월 한도 초과")
    assert decided(a_payment(), failed) == ("failed", "failed", None)
    for before in ("failed", "paid", "cancelled"):
        assert decided(a_payment(status=before, imp_uid="imp_1"), failed) == ("unchanged", None, None)


@pytest.mark.parametrize("before", ["ready", "failed", "paid"])
def test_cancelled_in_full_is_cancelled(before: str) -> None:
    payment = a_payment(status=before, imp_uid="imp_1" if before == "paid" else None)
    assert decided(payment, a_report(status="cancelled"), CLOSED) == ("cancelled", "cancelled", None)


def test_a_part_cancelled_is_never_called_cancelled() -> None:
    part = a_report(status="cancelled", cancelled_amount=900)
    assert decided(a_payment(status="paid", imp_uid="imp_1"), part) == ("held", None, "partly_cancelled")


def test_a_part_cancelled_of_held_money_does_not_hide_why_it_was_held() -> None:
    held = a_payment(status="paid", imp_uid="imp_1", held_reason="amount")
    part = a_report(status="cancelled", cancelled_amount=900)
    assert decided(held, part) == ("held", None, "amount")


def test_cancelled_duplicate_does_not_cancel_the_paid_one() -> None:
    assert decided(a_payment(status="paid", imp_uid="imp_0"), a_report(status="cancelled")) == ("unchanged", None, None)


@pytest.mark.parametrize("late", ["failed", "cancelled", "paid"])
def test_news_of_another_window_never_takes_the_place_of_money_that_is_held(late: str) -> None:
    held = a_payment(imp_uid="imp_0", held_reason="channel")
    assert decided(held, a_report(status=late))[1:] == (None, None)


def test_held_money_that_went_back_is_cancelled_by_its_own_id() -> None:
    held = a_payment(imp_uid="imp_1", held_reason="channel")
    assert decided(held, a_report(status="cancelled", is_test_channel=False)) == ("cancelled", "cancelled", None)


payments = st.builds(
    a_payment,
    status=st.sampled_from(sorted(Payment.STATES)),
    held_reason=st.sampled_from([None, None, "channel", "amount"]),
    imp_uid=st.sampled_from([None, "imp_1", "imp_2"]),
    amount=st.sampled_from([301, 9900]),
    is_test_channel=st.booleans(),
    customer_uid=st.sampled_from([None, "key-1"]),
)
reports = st.builds(
    a_report,
    status=st.sampled_from(["ready", "paid", "failed", "cancelled"]),
    imp_uid=st.sampled_from(["imp_1", "imp_2"]),
    amount=st.sampled_from([0, 301, 9900]),
    cancelled_amount=st.sampled_from([0, 301, 9900]),
    currency=st.sampled_from(["KRW", "USD"]),
    pay_method=st.sampled_from(["phone", "card"]),
    is_test_channel=st.booleans(),
    customer_uid=st.sampled_from([None, "key-1", "key-2"]),
)
situations = st.tuples(
    payments,
    reports,
    st.sampled_from([OPEN, LATE, CLOSED]),
    st.booleans(),
)


def decision_on(situation: Any) -> Decision:
    payment, report, standing, taken = situation
    return decide(payment, report, standing, paid_by_another=taken)


@given(situations)
def test_no_decision_ever_moves_a_payment_against_its_states(situation: Any) -> None:
    payment, decision = situation[0], decision_on(situation)
    assert decision.status is None or decision.status in Payment.STATES[payment.status]


@given(situations)
def test_only_a_paid_report_of_what_was_asked_makes_a_payment_paid_without_being_held(situation: Any) -> None:
    payment, report, standing, taken = situation
    decision = decision_on(situation)
    if decision.status != "paid" or decision.held_reason:
        return
    assert decision.outcome == "paid"
    assert report.status == "paid"
    assert (report.amount, report.currency, report.pay_method) == (payment.amount, "KRW", "phone")
    assert report.is_test_channel == payment.is_test_channel
    assert report.customer_uid == payment.customer_uid
    assert standing.state in ("open", "late")
    assert not taken


@given(situations)
def test_deciding_touches_nothing(situation: Any) -> None:
    payment = situation[0]
    before = {name: value for name, value in vars(payment).items() if name != "_sa_instance_state"}
    decision_on(situation)
    assert {name: value for name, value in vars(payment).items() if name != "_sa_instance_state"} == before


def has_money(payment: Payment) -> bool:
    return payment.status in ("paid", "cancelled") or payment.held_reason is not None


@given(situations)
def test_a_row_that_has_money_is_never_bound_to_another_window(situation: Any) -> None:
    payment, report, decision = situation[0], situation[1], decision_on(situation)
    if has_money(payment) and report.imp_uid != payment.imp_uid:
        assert (decision.status, decision.held_reason) == (None, None)


@given(situations)
def test_a_payment_with_money_is_never_downgraded_but_to_cancelled(situation: Any) -> None:
    if has_money(situation[0]):
        assert decision_on(situation).status in (None, "cancelled")


@given(situations)
def test_money_goes_back_by_itself_only_if_it_is_ours_by_every_sign(situation: Any) -> None:
    payment, report, *_ = situation
    decision = decision_on(situation)
    if decision.is_duplicate or decision.cancel_text:
        assert report.status == "paid"
        assert (report.is_test_channel, report.pay_method) == (payment.is_test_channel, "phone")
        assert report.customer_uid == payment.customer_uid


@given(situations)
def test_a_cancelled_report_counts_only_as_a_whole(situation: Any) -> None:
    report = situation[1]
    if decision_on(situation).status == "cancelled":
        assert (report.status, report.cancelled_amount) == ("cancelled", report.amount)


@given(situations, st.lists(situations, max_size=6))
def test_whatever_comes_in_whichever_order_a_payment_is_paid_at_most_once(first: Any, later: list[Any]) -> None:
    """The rows' side of it: each decision is written down as `record` does, and the next is made about that."""
    payment, honoured = first[0], 0
    for _, report, standing, taken in [first, *later]:
        decision = decide(payment, report, standing, paid_by_another=taken)
        if decision.status:
            honoured += decision.status == "paid" and not decision.held_reason
            payment.status, payment.imp_uid = decision.status, report.imp_uid
            payment.held_reason = decision.held_reason
        elif decision.held_reason:
            payment.held_reason, payment.imp_uid = decision.held_reason, report.imp_uid
    assert honoured <= 1


# --- which of KG's modules took the money ---


@pytest.mark.parametrize("status", ["paid", "failed", "cancelled"])
@pytest.mark.parametrize("standing", [OPEN, LATE, CLOSED, Standing.held("key_channel")])
@pytest.mark.parametrize("taken", [False, True])
def test_no_decision_depends_on_the_module_that_took_the_money(status: str, standing: Standing, taken: bool) -> None:
    def decided_through(pg_provider: str | None) -> Decision:
        report = a_report(status=status, pg_provider=pg_provider)
        return decide(a_payment(), report, standing, paid_by_another=taken)

    assert decided_through("mobilians") == decided_through("mobilians_v2") == decided_through(None)
