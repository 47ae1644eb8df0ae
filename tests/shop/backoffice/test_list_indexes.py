"""Every list, search and sum of the back office is read along an index, on both databases."""

import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, event, inspect, text, update

from payments import clock, sweep
from payments.database import db, end_reading, transaction
from payments.models import Event, Payment
from payments.monthly import charging
from payments.monthly.models import BillingKey
from shop.backoffice import daily, export, figures, listing
from shop.backoffice.listing import PaymentFilter
from shop.backoffice.paging import Cursor
from shop.demo import fake_history
from shop.operations import metrics
from shop.orders import shipping
from shop.orders.order_payments import KINDS
from tests.conftest import PAST_PAYMENTS
from tests.payments.fakes import FakeProvider

from .test_listing import combinations

NUMBER, TEL, NAME, TID = "20260101-7KQ2MX", "010-2048-5678", "김서연", "1904260901100042001"
SEARCHES = ("260101-x", "imp_1", "#12", "5678", "a@example.com", NUMBER, TEL, NAME, "남궁", TID)


def every_list() -> None:
    """Each list, each filter by itself, each search, the sums and the export: what must never read a whole table."""
    someone = db.session.get_one(Payment, 200)
    today = clock.today()
    chosen = [
        PaymentFilter(),
        *(PaymentFilter(state=state) for state in listing.PAYMENT_STATES),
        *(PaymentFilter(kind=kind) for kind in KINDS),
        PaymentFilter(plan_id=1),
        PaymentFilter(pg="mobilians"),
        PaymentFilter(first=today - timedelta(days=30), last=today),
        PaymentFilter(state="failed", first=today - timedelta(days=30), last=today),
        *combinations(),
        *(PaymentFilter(q=q) for q in SEARCHES),
    ]
    for one in chosen:
        for cursor in (Cursor(), Cursor(older=someone.id), Cursor(newer=someone.id)):
            listing.payments(one, cursor)
        next(iter(export.payments_csv(one)))
    for state, q in (("", ""), ("active", ""), *(("", q) for q in ("a@example.com", "5678", TEL, "key-x"))):
        listing.billing_keys(state, q, Cursor(older=9))
        listing.subscriptions(state, None, q, Cursor(older=9))
    listing.subscriptions("", 1, "", Cursor())
    listing.subscriptions("", None, NUMBER, Cursor())
    for outcome, q in (("", ""), ("paid", ""), ("", "imp_1")):
        listing.webhooks(outcome, q, Cursor(older=9))
    for actor, act in (("", ""), ("a@example.com", ""), ("", "cancel")):
        listing.audit(actor, act, Cursor(older=9))
    listing.pg_providers()
    figures.sums(today - timedelta(days=30), today)
    figures.to_do()
    figures.cancelled_today()
    figures.held_now()
    figures.to_send()
    shipping.waiting()
    for part in (daily.came_in, daily.cancelled, daily.refunded_by_bank):
        part(today)
    figures.failure_reasons(today - timedelta(days=30), today)
    figures.next_charges()


def statements_of(act: Callable[[], object]) -> dict[str, Any]:
    """Every SELECT that `act` sends, with its parameters."""
    seen: dict[str, Any] = {}

    def look(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        if statement.startswith("SELECT"):
            seen[statement] = parameters

    event.listen(db.engine, "before_cursor_execute", look)
    try:
        act()
    finally:
        event.remove(db.engine, "before_cursor_execute", look)
    end_reading()
    return seen


LARGE_TABLES = ("payments", "payment_events", "orders", "billing_keys", "subscriptions", "users")


@pytest.mark.slow
def test_no_list_scans_or_sorts_a_table(past: Flask) -> None:
    statements = statements_of(every_list)
    check = _on_sqlite if db.engine.dialect.name == "sqlite" else _on_postgresql
    with db.engine.connect() as connection:
        bad = [
            found for statement, parameters in statements.items() if (found := check(connection, statement, parameters))
        ]
    assert not bad, "\n\n".join(bad)


def _on_sqlite(connection: Connection, statement: str, parameters: Any) -> str | None:
    plan = plan_of(connection, statement, parameters)
    for step in plan:
        whole = step.startswith("SCAN") and step.split()[1] in LARGE_TABLES and "USING" not in step
        if whole or ("TEMP B-TREE FOR ORDER BY" in step and not _finds_few(statement)):
            return f"{statement}\n{plan}"
    return None


def _on_postgresql(connection: Connection, statement: str, parameters: Any) -> str | None:
    plan = plan_of(connection, statement, parameters)
    whole = [step for step in plan if "Seq Scan on" in step and step.split(" on ")[1].split()[0] in LARGE_TABLES]
    return "\n".join([statement, *plan]) if whole else None


ENOUGH_TO_NEED_AN_INDEX = 5_000


def lists_and_their_index() -> list[tuple[str, Callable[[], object]]]:
    """Each filter and search by itself with the index that serves it. The values select few of the payments: what
    selects most of them may as well be read by time.
    """
    day = clock.today() - timedelta(days=300)
    filters = {
        "payments_by_time": [
            PaymentFilter(),
            PaymentFilter(first=day, last=day),
            PaymentFilter(state="failed"),
            PaymentFilter(state="ready"),
            PaymentFilter(kind="first"),
            PaymentFilter(pg="danal"),
            PaymentFilter(state="failed", kind="renewal", plan_id=13, pg="danal"),
        ],
        "payments_by_(time|cancel)": [PaymentFilter(state="cancelled")],  # PostgreSQL sorts, while they are few
        "subscriptions_by_plan": [PaymentFilter(plan_id=13)],
        "payments_held": [PaymentFilter(state="held")],
        "cancellations_by_status": [PaymentFilter(state="stuck"), PaymentFilter(state="duplicate")],
        "orders_cancel_wanted": [PaymentFilter(state="wanted")],
        "payments_unanswered": [PaymentFilter(state="unknown")],
        "orders_by_email": [PaymentFilter(q="a@example.com")],
        "ix_orders_tel_tail": [PaymentFilter(q="5678"), PaymentFilter(q=TEL)],
        "payments_by_purchase": [PaymentFilter(q="#12"), PaymentFilter(q="5678"), PaymentFilter(q="a@example.com")],
        "payments_by_key": [PaymentFilter(q="5678"), PaymentFilter(q="a@example.com")],
        "ix_orders_number": [PaymentFilter(q=NUMBER)],
        "orders_by_name": [PaymentFilter(q=NAME), PaymentFilter(q="남궁")],
        "payments_by_tid": [PaymentFilter(q=TID)],
        "keys_by_email": [PaymentFilter(q="a@example.com")],
        "ix_billing_keys_tel_tail": [PaymentFilter(q="5678"), PaymentFilter(q=TEL)],
    }
    return [
        *(
            (index, partial(listing.payments, chosen, Cursor(older=200)))
            for index, some in filters.items()
            for chosen in some
        ),
        ("payments_by_time", partial(figures.sums, day, day)),
        ("payments_by_time", partial(figures.sums_by_day, day, day)),
        ("payments_by_time", listing.pg_providers),
        ("payments_by_cancel", figures.cancelled_today),
        ("payments_by_time", partial(daily.came_in, day)),
        ("payments_by_cancel", partial(daily.cancelled, day)),
        ("cancellations_by_status", partial(daily.refunded_by_bank, day)),
        ("payments_held", figures.held_now),
        ("orders_to_send", figures.to_send),
        ("orders_to_send", shipping.waiting),
        ("payments_by_key", partial(listing.billing_keys, "", "", Cursor(older=9))),
        ("keys_by_state", partial(listing.billing_keys, "ended", "", Cursor(older=900))),
        ("keys_by_email", partial(listing.billing_keys, "", "a@example.com", Cursor())),
        ("ix_billing_keys_tel_tail", partial(listing.billing_keys, "", "5678", Cursor())),
        ("subscriptions_by_state", partial(listing.subscriptions, "past_due", None, "", Cursor(older=99))),
        ("subscriptions_by_plan", partial(listing.subscriptions, "", 1, "", Cursor(older=99))),
        ("webhooks", partial(listing.webhooks, "", "", Cursor(older=9))),
        ("webhooks_by_outcome", partial(listing.webhooks, "held", "", Cursor(older=9))),
        ("ix_payment_events_imp_uid", partial(listing.webhooks, "", "imp_1", Cursor())),
        ("audit", partial(listing.audit, "", "", Cursor())),
        ("audit_by_actor", partial(listing.audit, "nobody@example.com", "", Cursor())),
        ("audit_by_act", partial(listing.audit, "", "decline", Cursor())),
    ]


@pytest.mark.slow
def test_each_filter_and_search_by_itself_uses_its_index(past: Flask) -> None:
    list(fake_history.History(ENOUGH_TO_NEED_AN_INDEX - PAST_PAYMENTS).write())
    with transaction():
        for number in range(900):
            act, actor = ("ask", "cancel", "release")[number % 3], f"{number % 7}@example.com"
            db.session.add(Event(source="admin", outcome=act, actor=actor, reason="x"))
            buyer = {"buyer_name": "김서연", "buyer_tel": f"0107{number:07}", "buyer_email": f"{number}@example.net"}
            db.session.add(BillingKey(customer_uid=f"key-{number}", customer_ref="1", status="active", **buyer))
    if db.engine.dialect.name == "postgresql":
        with transaction():
            db.session.execute(text("ANALYZE"))  # as autovacuum does
    for index, act in lists_and_their_index():
        statements = statements_of(act)
        with db.engine.connect() as connection:
            plans = [plan_of(connection, *one) for one in statements.items()]
        assert re.search(rf"\b{index}\b", str(plans)), (index, plans)


MOST_INDEXES = 12  # beside the primary key: every purchase writes them


def test_payments_have_no_more_indexes_than_their_lists_and_laws_need(app: Flask) -> None:
    with app.app_context():
        indexes = inspect(db.engine).get_indexes("payments")
        unique = inspect(db.engine).get_unique_constraints("payments")
    names = {str(one["name"]) for one in (*indexes, *unique)}
    assert len(names) <= MOST_INDEXES, sorted(names)


@pytest.mark.slow
def test_a_sweep_finds_the_open_payments_by_their_index(past: Flask, provider: FakeProvider) -> None:
    with transaction():
        db.session.execute(update(Payment).where(Payment.status == "ready").values(given_up_at=None))
    for work in (partial(sweep.sweep, provider), partial(charging.delete_ended_keys, provider), metrics_of_payments):
        statements = statements_of(work)
        with db.engine.connect() as connection:
            plans = [plan_of(connection, *one) for one in statements.items()]
        assert "payments_open" in str(plans), plans
        assert not [plan for plan in plans if "SCAN payments" in plan], plans


def metrics_of_payments() -> None:
    list(metrics.OpenPayments().collect())


def plan_of(connection: Connection, statement: str, parameters: Any) -> list[str]:
    if db.engine.dialect.name == "sqlite":
        return [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    connection.execute(text("SET enable_seqscan = off"))  # so few rows are quicker read as a whole
    return [str(row[0]) for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)]


def _finds_few(statement: str) -> bool:
    """What is found by an id or an owner, what is grouped, or is among the few rows that wait for a person, may be
    sorted afterwards.
    """
    few = (
        *("payments.id IN (SELECT ", "merchant_uid IN (SELECT ", "customer_uid IN (SELECT "),
        *("imp_uid = ?", "purchase_id = ?", "token = ?", "buyer_email) = ", " GROUP BY "),
        "order_lines.order_id IN (",
    )
    return any(one in statement for one in few)
