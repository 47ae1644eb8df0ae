"""The lists of the back office: paging both ways, filters, searches, and the buyers that they show."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import astuple, replace
from datetime import datetime, time, timedelta
from typing import Any

from flask import Flask

from payments import cancellations, clock
from payments.database import db, transaction
from payments.models import Payment
from payments.monthly.models import FIRST_MONTH, LATER_MONTH, BillingKey, Subscription
from payments.privacy import mask_phone
from shop.backoffice import figures, listing
from shop.backoffice.listing import PaymentFilter
from shop.backoffice.paging import PAGE_SIZE, Cursor
from shop.orders import cart
from shop.orders.buyers import MOST_NAMESAKES, buyers_of
from shop.orders.models import Order, User
from shop.orders.order_payments import KINDS
from tests.conftest import BUYER, PAST_PAYMENTS, new_order, product


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


def plans_of_payments() -> dict[int, int]:
    """The plan of each payment that is for one, by the payment's id."""
    payments = db.session.scalars(db.select(Payment).where(Payment.kind != "once")).all()
    by_order = {one.purchase_id: one for one in db.session.scalars(db.select(Subscription))}
    by_id = {str(one.id): one for one in by_order.values()}
    assert {one.kind for one in payments} == {FIRST_MONTH, LATER_MONTH}
    return {one.id: int((by_order if one.kind == FIRST_MONTH else by_id)[one.purchase_id].plan_ref) for one in payments}


def test_each_filter_shows_what_it_names_and_nothing_else(past: Flask) -> None:
    plan_of = plans_of_payments()
    day = clock.today() - timedelta(days=3)
    expectations: list[tuple[PaymentFilter, Callable[[Payment], bool]]] = [
        (PaymentFilter(state="failed"), lambda one: one.status == "failed"),
        (PaymentFilter(state="paid"), lambda one: one.status == "paid" and one.held_reason is None),
        (PaymentFilter(state="held"), lambda one: one.held_reason is not None),
        (PaymentFilter(kind="renewal"), lambda one: one.kind == "renewal"),
        (PaymentFilter(plan_id=13), lambda one: plan_of.get(one.id) == 13),
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


def belongs(one: Payment, chosen: PaymentFilter, plan_of: Mapping[int, int]) -> bool:
    day = one.created_at.astimezone(clock.SEOUL).date()
    state = "held" if one.held_reason else one.status
    return (
        chosen.state in ("", state)
        and chosen.kind in ("", one.kind)
        and chosen.plan_id in (None, plan_of.get(one.id))
        and chosen.pg in ("", one.pg_provider)
        and (chosen.first or day) <= day <= (chosen.last or day)
    )


def test_several_filters_at_once_show_what_belongs_to_all_of_them(past: Flask) -> None:
    everything = list(db.session.scalars(db.select(Payment).order_by(Payment.created_at.desc(), Payment.id.desc())))
    plan_of = plans_of_payments()
    for chosen in combinations():
        wanted = [one.id for one in everything if belongs(one, chosen, plan_of)]
        assert walk(chosen, "older") == wanted, chosen
        if wanted:
            assert walk(chosen, "newer", wanted[-1]) == wanted[-2::-1], chosen


def test_the_sums_of_filters_are_those_of_their_payments_before_and_after_a_change(past: Flask) -> None:
    last = clock.today()
    first = last - timedelta(days=300)
    plan_of = plans_of_payments()
    for _ in range(2):
        everything = list(db.session.scalars(db.select(Payment)))
        for chosen in (PaymentFilter(), *combinations()):
            sums = figures.sums(first, last, chosen)
            for state in figures.COUNTED:
                period = replace(chosen, state=state, first=first, last=last)
                counted = chosen.state in ("", state)  # sums are of the listed payments
                wanted = [one for one in everything if counted and belongs(one, period, plan_of)]
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
    for kind in KINDS:
        payments = db.select(Payment).where(Payment.imp_uid.is_not(None), Payment.kind == kind)
        wanted = db.session.scalars(payments.limit(1)).one()
        if kind == LATER_MONTH:
            owner: Any = db.session.scalars(db.select(BillingKey).filter_by(customer_uid=wanted.customer_uid)).one()
        else:
            owner = db.session.get_one(Order, int(wanted.purchase_id))
            assert wanted.id in walk(PaymentFilter(q=f"#{owner.id}"), "older")
        email = owner.buyer_email
        for q in (wanted.merchant_uid, wanted.imp_uid, owner.buyer_tel[-4:], email, email.upper()):
            assert wanted.id in walk(PaymentFilter(q=q or ""), "older"), (kind, q)
    for q in ("nobody", "nobody@example.com"):
        assert walk(PaymentFilter(q=q), "older") == []


def named(payments: Iterable[int]) -> set[str]:
    rows = listing.payments(PaymentFilter(), Cursor(), PAST_PAYMENTS).rows
    return {buyers_of(rows)[row.id].name for row in rows if row.id in set(payments)}


def test_the_beginning_of_a_name_finds_it_and_stands_for_itself(past: Flask) -> None:
    with transaction():
        some = db.session.scalars(db.select(Order).where(Order.kind == "once").limit(3)).all()
        for order, name in zip(some, ("남궁민수", "남궁보라", "남_수"), strict=True):
            order.buyer_name = name
    assert named(walk(PaymentFilter(q="남궁"), "older")) == {"남궁민수", "남궁보라"}
    assert named(walk(PaymentFilter(q="남궁민"), "older")) == {"남궁민수"}
    assert named(walk(PaymentFilter(q="남_"), "older")) == {"남_수"}
    for q in ("궁민수", "%", "남%"):
        assert walk(PaymentFilter(q=q), "older") == [], q


def test_a_beginning_that_too_many_names_share_finds_the_whole_name_alone(past: Flask) -> None:
    order = db.session.scalars(db.select(Order).where(Order.kind == "once").limit(1)).one()
    kept = {column.name: getattr(order, column.name) for column in Order.__table__.columns}
    others = [kept | {"id": 10**6 + n, "number": f"n-{n}", "buyer_name": f"제갈{n}"} for n in range(MOST_NAMESAKES)]
    with transaction():
        db.session.get_one(Order, order.id).buyer_name = "제갈"
        db.session.execute(db.insert(Order), others[1:])
    assert len(walk(PaymentFilter(q="제"), "older")) > 0
    with transaction():
        db.session.execute(db.insert(Order), others[:1])
    assert walk(PaymentFilter(q="제"), "older") == []
    assert named(walk(PaymentFilter(q="제갈"), "older")) == {"제갈"}


def test_an_email_typed_in_upper_case_is_found_and_listed_in_lower_case(past: Flask) -> None:
    for kind, table in (("once", Order), (LATER_MONTH, BillingKey)):
        with transaction():
            wanted = db.session.scalars(db.select(Payment).filter_by(kind=kind).limit(1)).one()
            link = {"id": int(wanted.purchase_id)} if kind == "once" else {"customer_uid": wanted.customer_uid}
            db.session.scalars(db.select(table).filter_by(**link)).one().buyer_email = f"{kind}@Example.com".title()
        for q in (f"{kind}@example.com", f"{kind}@EXAMPLE.com"):
            rows = listing.payments(PaymentFilter(q=q), Cursor()).rows
            assert wanted.id in [row.id for row in rows], q
            assert {buyer.email for buyer in buyers_of(rows).values()} == {f"{kind}@example.com"}


def test_a_list_shows_each_payments_own_buyer(past: Flask) -> None:
    rows = listing.payments(PaymentFilter(), Cursor(), PAST_PAYMENTS).rows
    buyers = buyers_of(rows)
    for row in rows:
        if row.kind == "once":
            owner: Any = db.session.get_one(Order, int(row.purchase_id))
        else:
            owner = db.session.scalars(db.select(BillingKey).filter_by(customer_uid=row.customer_uid)).one()
        assert astuple(buyers[row.id]) == (owner.buyer_name, owner.buyer_email, mask_phone(owner.buyer_tel))
    assert len({buyer.email for buyer in buyers.values()}) > 10


def test_a_number_changed_before_the_second_attempt_is_found_in_the_order(shop: Any, buyer: User) -> None:
    cart.put_in_cart(buyer.id, product().id, 1)
    for tel in ("01011112222", "01033334444"):
        order = new_order(buyer.id, replace(BUYER, tel=tel))
        assert order.tel_tail == tel[-4:]


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
    assert (counted["unknown"], counted["stuck"], counted["wanted"]) == (1, 1, 1)
