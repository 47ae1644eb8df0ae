"""The lists of the back office: paging both ways, filters, searches, and that each is read along an index."""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, time, timedelta
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, event, text

from payments import cancellations, clock
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


def test_the_sums_of_filters_are_those_of_their_payments_before_and_after_a_change(past: Flask) -> None:
    last = clock.today()
    first = last - timedelta(days=300)
    for _ in range(2):
        everything = list(db.session.scalars(db.select(Payment)))
        for chosen in (PaymentFilter(), *combinations()):
            sums = figures.sums(first, last, chosen)
            for state in figures.COUNTED:
                period = replace(chosen, state=state, first=first, last=last)
                wanted = [one for one in everything if belongs(one, period)]
                assert getattr(sums, state) == len(wanted), period
                given_back = state == "cancelled"
                won = sum(one.cancelled_amount if given_back else one.amount for one in wanted)
                assert getattr(sums, f"{state}_won", won) == won, period
        with transaction():
            for one in db.session.scalars(db.select(Payment).where(Payment.status == "ready").limit(5)):
                one.status, one.pg_provider, one.reported_amount = "paid", "danal", one.amount


def test_a_day_is_summed_from_midnight_to_midnight_in_seoul(past: Flask) -> None:
    day = clock.today() - timedelta(days=1000)
    midnight = datetime.combine(day, time(), clock.SEOUL)
    microsecond = timedelta(microseconds=1)
    moments = (
        midnight - microsecond,
        midnight,
        midnight + timedelta(days=1) - microsecond,
        midnight + timedelta(days=1),
    )
    with transaction():
        for one, at in zip(db.session.scalars(db.select(Payment).limit(4)), moments, strict=True):
            one.created_at = at
    sums = figures.sums_by_day(day - timedelta(days=1), day + timedelta(days=1))
    assert [one.attempts for one in sums.values()] == [1, 2, 1]
    assert figures.sums(day, day) == sums[day]


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
        ready.unanswered_since = asked.unanswered_since = clock.now()
        cancellations.request(stuck, stuck.imp_uid or "", stuck.amount, "고객 변심")
        twice = db.session.scalars(db.select(Payment).where(Payment.status == "paid", Payment.id > wanted.id)).first()
        assert twice is not None
        cancellations.request(twice, "imp_second", twice.amount, "중복 결제", refusal="month")
        order = db.session.scalars(db.select(Order).where(Order.status == "paid").limit(1)).one()
        order.paid_by, order.cancel_wanted_at = wanted.merchant_uid, clock.now()
    assert walk(PaymentFilter(state="unknown"), "older") == [asked.id], "the other may still be on its way"
    assert walk(PaymentFilter(state="stuck"), "older") == [stuck.id]
    assert walk(PaymentFilter(state="duplicate"), "older") == [twice.id]
    assert walk(PaymentFilter(state="wanted"), "older") == [wanted.id]
    counted = figures.to_do()
    assert [counted[state] for state in ("unknown", "stuck", "wanted", "duplicate")] == [1, 1, 1, 1]


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
        "payments_by_time": [PaymentFilter(), PaymentFilter(first=day, last=day)],
        "payments_by_state": [PaymentFilter(state="failed"), PaymentFilter(state="cancelled")],
        "payments_by_kind": [PaymentFilter(kind="first")],
        "payments_by_plan": [PaymentFilter(plan_id=13)],
        "payments_by_pg": [PaymentFilter(pg="danal")],
        "payments_held": [PaymentFilter(state="held")],
        "cancellations_by_status": [PaymentFilter(state="stuck"), PaymentFilter(state="duplicate")],
        "orders_cancel_wanted": [PaymentFilter(state="wanted")],
        "payments_unanswered": [PaymentFilter(state="unknown")],
        "payments_by_email": [PaymentFilter(q="a@example.com")],
        "payments_by_tel_tail": [PaymentFilter(q="5678")],
        "ix_payments_order_id": [PaymentFilter(q="#12")],
    }
    return [
        *(
            (index, partial(listing.payments, chosen, Cursor(older=200)))
            for index, some in filters.items()
            for chosen in some
        ),
        ("payments_by_time", partial(figures.sums, day, day)),
        ("payments_by_cancel", figures.cancelled_today),
        ("payments_by_key", partial(listing.billing_keys, "", "", Cursor(older=9))),
        ("keys_by_state", partial(listing.billing_keys, "ended", "", Cursor(older=9))),
        ("ix_billing_keys_buyer_email", partial(listing.billing_keys, "", "a@example.com", Cursor())),
        ("ix_billing_keys_tel_tail", partial(listing.billing_keys, "", "5678", Cursor())),
        ("subscriptions_by_state", partial(listing.subscriptions, "past_due", None, "", Cursor(older=99))),
        ("subscriptions_by_plan", partial(listing.subscriptions, "", 1, "", Cursor(older=99))),
        ("webhooks", partial(listing.webhooks, "", "", Cursor(older=9))),
        ("webhooks_by_outcome", partial(listing.webhooks, "held", "", Cursor(older=9))),
        ("ix_events_imp_uid", partial(listing.webhooks, "", "imp_1", Cursor())),
        ("audit", partial(listing.audit, "", "", Cursor())),
        ("audit_by_actor", partial(listing.audit, "nobody@example.com", "", Cursor())),
        ("audit_by_act", partial(listing.audit, "", "decline", Cursor())),
    ]


def test_each_filter_and_search_by_itself_uses_its_index(past: Flask) -> None:
    list(fake_history.History(ENOUGH_TO_NEED_AN_INDEX - PAST_PAYMENTS).write())
    with transaction():
        for number in range(900):
            act, actor = ("ask", "cancel", "release")[number % 3], f"{number % 7}@example.com"
            db.session.add(Event(source="admin", outcome=act, actor=actor, reason="x"))
    if db.engine.dialect.name == "postgresql":
        with transaction():
            db.session.execute(text("ANALYZE"))  # as autovacuum does
    for index, act in lists_and_their_index():
        statements = statements_of(act)
        with db.engine.connect() as connection:
            plans = [plan_of(connection, *one) for one in statements.items()]
        assert re.search(rf"\b{index}\b", str(plans)), (index, plans)


def plan_of(connection: Connection, statement: str, parameters: Any) -> list[str]:
    if db.engine.dialect.name == "sqlite":
        return [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    connection.execute(text("SET enable_seqscan = off"))  # so few rows are quicker read as a whole
    return [str(row[0]) for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)]


def _finds_few(statement: str) -> bool:
    """What is found by an id or an owner, what is grouped, or is among the few rows that wait for a person, may be
    sorted afterwards.
    """
    few = (" IN (SELECT ", "imp_uid = ?", "purchase_id = ?", "token = ?", "buyer_email IN", " GROUP BY ")
    return any(one in statement for one in few)
