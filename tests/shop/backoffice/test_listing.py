"""The lists of the back office: paging both ways, filters, searches, and that each is read along an index."""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, event, text

from payments import clock
from payments.database import db, end_reading, transaction
from payments.models import Event, Payment
from shop.backoffice import export, figures, listing
from shop.backoffice.listing import PaymentFilter
from shop.backoffice.paging import PAGE_SIZE, Cursor
from shop.demo import fake_history
from shop.orders.models import Order
from tests.conftest import PAST_PAYMENTS


@pytest.fixture
def past(app: Flask, request: pytest.FixtureRequest) -> Iterator[Flask]:
    """A shop with four hundred payments of two years."""
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            db.engine.dispose()
            shutil.copy(request.getfixturevalue("past_database"), str(db.engine.url.database))
        else:
            list(fake_history.History(PAST_PAYMENTS).write())
        yield app


def walk(chosen: PaymentFilter, direction: str, start: int | None = None) -> list[int]:
    """The ids of every page, from `start` to the end of the list."""
    page, ids = listing.payments(chosen, Cursor(**{direction: start})), []
    while page.rows:
        shown = [row.id for row in page.rows]
        ids += shown if direction == "older" else shown[::-1]
        following = getattr(page, direction)
        if following is None:
            break
        page = listing.payments(chosen, Cursor(**{direction: following}))
    return ids


def test_paging_shows_every_payment_once_in_order_and_back_again(past: Flask) -> None:
    in_order = list(db.session.scalars(db.select(Payment.id).order_by(Payment.created_at.desc(), Payment.id.desc())))
    assert walk(PaymentFilter(), "older") == in_order
    assert walk(PaymentFilter(), "newer", in_order[-1]) == in_order[-2::-1]


def test_the_ends_of_a_list_offer_no_further_page(past: Flask) -> None:
    first = listing.payments(PaymentFilter(), Cursor())
    assert (first.newer, len(first.rows)) == (None, PAGE_SIZE)
    second = listing.payments(PaymentFilter(), Cursor(older=first.older))
    assert second.newer is not None
    assert [row.id for row in listing.payments(PaymentFilter(), Cursor(newer=second.newer)).rows] == [
        row.id for row in first.rows
    ]
    assert listing.payments(PaymentFilter(), Cursor(newer=second.newer)).newer is None
    assert listing.payments(PaymentFilter(), Cursor(older=10**9)).rows == first.rows  # a row that is gone


def test_each_filter_shows_what_it_names_and_nothing_else(past: Flask) -> None:
    plan = db.session.scalar(db.select(Payment.plan_id).where(Payment.plan_id.is_not(None)).limit(1))
    day = clock.today() - timedelta(days=3)
    expectations: list[tuple[PaymentFilter, Callable[[Payment], bool]]] = [
        (PaymentFilter(state="failed"), lambda one: one.status == "failed"),
        (PaymentFilter(state="paid"), lambda one: one.status == "paid" and one.held_reason is None),
        (PaymentFilter(state="held"), lambda one: one.held_reason is not None),
        (PaymentFilter(kind="renewal"), lambda one: one.kind == "renewal"),
        (PaymentFilter(plan_id=plan), lambda one: one.plan_id == plan),
        (PaymentFilter(pg="danal"), lambda one: one.pg_provider == "danal"),
        (PaymentFilter(first=day, last=day), lambda one: one.created_at.astimezone(clock.SEOUL).date() == day),
        (PaymentFilter(state="failed", kind="once"), lambda one: one.status == "failed" and one.kind == "once"),
    ]
    everything = list(db.session.scalars(db.select(Payment)))
    for chosen, belongs in expectations:
        assert sorted(walk(chosen, "older")) == sorted(one.id for one in everything if belongs(one)), chosen


def combinations() -> list[PaymentFilter]:
    """Several filters at once, in every number and of every kind, the impossible included."""
    day = clock.today() - timedelta(days=300)
    return [
        PaymentFilter(state="failed", kind="renewal"),
        PaymentFilter(state="paid", pg="danal"),
        PaymentFilter(state="ready", pg="danal"),
        PaymentFilter(kind="renewal", plan_id=13),
        PaymentFilter(kind="once", plan_id=13),
        PaymentFilter(plan_id=13, pg="mobilians"),
        PaymentFilter(state="paid", kind="renewal", plan_id=13, pg="mobilians", first=day, last=clock.today()),
        PaymentFilter(state="cancelled", kind="first", plan_id=14, pg="danal"),
        PaymentFilter(kind="once", pg="nobody"),
        PaymentFilter(state="held", kind="once", pg="mobilians"),
    ]


def belongs(one: Payment, chosen: PaymentFilter) -> bool:
    day = one.created_at.astimezone(clock.SEOUL).date()
    state = "held" if one.held_reason else one.status
    return (
        chosen.state in ("", state)
        and chosen.kind in ("", one.kind)
        and chosen.plan_id in (None, one.plan_id)
        and chosen.pg in ("", one.pg_provider)
        and (chosen.first or day) <= day <= (chosen.last or day)
    )


def test_several_filters_at_once_show_what_belongs_to_all_of_them(past: Flask) -> None:
    everything = list(db.session.scalars(db.select(Payment).order_by(Payment.created_at.desc(), Payment.id.desc())))
    for chosen in combinations():
        wanted = [one.id for one in everything if belongs(one, chosen)]
        assert walk(chosen, "older") == wanted, chosen
        if wanted:
            assert walk(chosen, "newer", wanted[-1]) == wanted[-2::-1], chosen


def test_a_shop_with_very_many_plans_lists_them_all_the_same(past: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MOST_STREAMS", 3)
    everything = list(db.session.scalars(db.select(Payment)))
    chosen = PaymentFilter(state="paid", pg="danal")
    assert sorted(walk(chosen, "older")) == sorted(one.id for one in everything if belongs(one, chosen))


def test_the_sums_of_several_filters_are_those_of_their_payments(past: Flask) -> None:
    """As made up in bulk, and as the triggers keep them when a payment changes."""
    with transaction():
        for one in db.session.scalars(db.select(Payment).where(Payment.status == "ready").limit(5)):
            one.status, one.pg_provider, one.reported_amount = "paid", "danal", one.amount
    everything = list(db.session.scalars(db.select(Payment)))
    for chosen in combinations():
        facet = figures.facet_of(chosen)
        assert facet is not None
        kept = figures.total(chosen.first, chosen.last, facet)
        wanted = [one for one in everything if belongs(one, replace(chosen, state="paid"))]
        assert (kept.paid, kept.paid_won) == (len(wanted), sum(one.amount for one in wanted)), chosen


def test_a_payment_is_found_by_each_of_its_names(past: Flask) -> None:
    wanted = db.session.scalars(db.select(Payment).where(Payment.imp_uid.is_not(None), Payment.kind == "once")).first()
    assert wanted is not None
    tail, email = str(wanted.tel_tail), str(wanted.buyer_email)
    for q in (wanted.merchant_uid, wanted.imp_uid, f"#{wanted.purchase_id}", tail, email, email.upper()):
        assert wanted.id in walk(PaymentFilter(q=q or ""), "older"), q
    assert walk(PaymentFilter(q="nobody"), "older") == []


def test_what_wants_a_person_is_listed_and_counted(past: Flask) -> None:
    with transaction():
        ready, asked, stuck, wanted = db.session.scalars(db.select(Payment).where(Payment.status == "paid").limit(4))
        ready.status, asked.status = "ready", "ready"
        ready.created_at = clock.now()
        for one in (ready, asked):
            db.session.add(Event(source="callback", payment_id=one.id, outcome="unknown", reason="no answer"))
        stuck.cancel_requested_at = clock.now()
        order = db.session.scalars(db.select(Order).where(Order.status == "paid").limit(1)).one()
        order.paid_by, order.cancel_wanted_at = wanted.merchant_uid, clock.now()
    assert walk(PaymentFilter(state="unknown"), "older") == [asked.id], "the other may still be on its way"
    assert walk(PaymentFilter(state="stuck"), "older") == [stuck.id]
    assert walk(PaymentFilter(state="wanted"), "older") == [wanted.id]
    counted = figures.to_do()
    assert (counted["unknown"], counted["stuck"], counted["wanted"]) == (1, 1, 1)


# --- the plans --------------------------------------------------------------------------------------------------------


def every_list() -> None:
    """Each list, each filter by itself, each search, the sums and the export: what must never read a whole table."""
    someone = db.session.get_one(Payment, 200)
    today = clock.today()
    chosen = [
        PaymentFilter(),
        *(PaymentFilter(state=state) for state in listing.PAYMENT_STATES),
        *(PaymentFilter(kind=kind) for kind in Payment.KINDS),
        PaymentFilter(plan_id=1),
        PaymentFilter(pg="mobilians"),
        PaymentFilter(first=today - timedelta(days=30), last=today),
        PaymentFilter(state="failed", first=today - timedelta(days=30), last=today),
        *combinations(),
        *(PaymentFilter(q=q) for q in ("260101-x", "imp_1", "#12", "5678", "a@example.com")),
    ]
    for one in chosen:
        for cursor in (Cursor(), Cursor(older=someone.id), Cursor(newer=someone.id)):
            listing.payments(one, cursor)
        next(iter(export.payments_csv(one)))
    for state, q in (("", ""), ("active", ""), ("", "a@example.com"), ("", "5678"), ("", "key-x")):
        listing.billing_keys(state, q, Cursor(older=9))
        listing.subscriptions(state, None, q, Cursor(older=9))
    listing.subscriptions("", 1, "", Cursor())
    for outcome, q in (("", ""), ("paid", ""), ("", "imp_1")):
        listing.webhooks(outcome, q, Cursor(older=9))
    for actor, act in (("", ""), ("a@example.com", ""), ("", "cancel")):
        listing.audit(actor, act, Cursor(older=9))
    listing.pg_providers()
    figures.sums(today - timedelta(days=30), today)
    figures.to_do()
    figures.cancelled_today()
    figures.failure_reasons(today - timedelta(days=30), today)
    figures.next_charges()


def statements_of(act: Callable[[], None]) -> dict[str, Any]:
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


LARGE_TABLES = ("payments", "events", "orders", "billing_keys", "subscriptions", "users")


def test_no_list_scans_or_sorts_a_table(past: Flask) -> None:
    statements = statements_of(every_list)
    check = _on_sqlite if db.engine.dialect.name == "sqlite" else _on_postgresql
    with db.engine.connect() as connection:
        bad = [
            found for statement, parameters in statements.items() if (found := check(connection, statement, parameters))
        ]
    assert not bad, "\n\n".join(bad)


def _on_sqlite(connection: Connection, statement: str, parameters: Any) -> str | None:
    plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    for step in plan:
        whole = step.startswith("SCAN") and step.split()[1] in LARGE_TABLES and "USING" not in step
        if whole or ("TEMP B-TREE FOR ORDER BY" in step and not _finds_few(statement)):
            return f"{statement}\n{plan}"
    return None


def _on_postgresql(connection: Connection, statement: str, parameters: Any) -> str | None:
    connection.execute(text("SET enable_seqscan = off"))  # four hundred rows are quicker read as a whole
    plan = [str(row[0]) for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)]
    whole = [step for step in plan if "Seq Scan on" in step and step.split(" on ")[1].split()[0] in LARGE_TABLES]
    return "\n".join([statement, *plan]) if whole else None


def test_several_filters_at_once_read_little_more_than_they_show(past: Flask) -> None:
    """However rare the combination: each way to fill the other filters is read in order, along one index."""
    for chosen in combinations()[:-1]:
        statements = statements_of(lambda chosen=chosen: listing.payments(chosen, Cursor()))  # type: ignore[misc]
        [(merged, parameters)] = [one for one in statements.items() if "coalesce" in one[0]]
        read = _read_on_sqlite if db.engine.dialect.name == "sqlite" else _read_on_postgresql
        with db.engine.connect() as connection:
            read(connection, merged, parameters)


def test_what_waits_for_a_person_is_found_by_that_whatever_else_is_chosen(past: Flask) -> None:
    chosen = PaymentFilter(state="held", kind="renewal", plan_id=13, pg="mobilians")
    [(statement, parameters)] = [
        one
        for one in statements_of(lambda: listing.payments(chosen, Cursor())).items()
        if "held_reason IS NOT" in one[0]
    ]
    explain = "EXPLAIN QUERY PLAN" if db.engine.dialect.name == "sqlite" else "EXPLAIN"
    with db.engine.connect() as connection:
        if explain == "EXPLAIN":
            connection.execute(text("SET enable_seqscan = off"))
        plan = connection.exec_driver_sql(f"{explain} {statement}", parameters).all()
    assert "payments_held" in str(plan)


def _read_on_sqlite(connection: Connection, statement: str, parameters: Any) -> None:
    plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    reading = [step for step in plan if "payments_by_all" in step]
    assert all(step.endswith("(<expr>=? AND <expr>=? AND kind=? AND status=?)") for step in map(_no_range, reading))
    assert len(reading) == statement.count("payments.kind =")
    assert sum("TEMP B-TREE" in step for step in plan) == 1, "the page alone is put in order"


def _no_range(step: str) -> str:
    return re.sub(r" AND created_at[<>]\?", "", step)


def _read_on_postgresql(connection: Connection, statement: str, parameters: Any) -> None:
    connection.execute(text("ANALYZE payments"))
    for quicker_with_so_few_rows in ("seqscan", "bitmapscan", "sort"):
        connection.execute(text(f"SET enable_{quicker_with_so_few_rows} = off"))
    explained = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters).scalar_one()
    scans = [node for node in _nodes(explained[0]["Plan"]) if node.get("Index Name") == "payments_by_all"]
    read = sum(node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in scans)
    assert len(scans) == statement.count("payments.kind =")
    assert read <= PAGE_SIZE + 1 + len(scans)


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from _nodes(below)


def _finds_few(statement: str) -> bool:
    """What is found by an id or an owner, or among the few rows that wait for a person, may be sorted afterwards."""
    few = (" IN (SELECT ", "imp_uid = ?", "purchase_id = ?", "token = ?", "buyer_email IN")
    return any(one in statement for one in few)
