"""The benchmarks' own arithmetic, and that what they compare and fill really works."""

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from bench import apps, callback, many_rows, profile, scale
from bench.__main__ import BEGIN, END, PARTS, REPORTS, SCALE_BEGIN, SCALE_END, as_markdown, as_text, between, main
from bench.plain import PAGE
from bench.plot import plot
from bench.rows import compared, reached, row
from payments.database import db
from payments.models import Cancellation, Payment
from shop.backoffice import listing
from shop.backoffice.listing import PaymentFilter
from shop.backoffice.paging import Cursor
from shop.orders.models import Order
from tests.payments.fakes import FakeProvider


def test_a_comparison_tells_the_median_of_the_turns_ratios_and_their_range() -> None:
    ours, theirs = iter([2.0, 9.0, 4.0]), iter([1.0, 3.0, 4.0])
    line = compared("x", lambda: next(ours), lambda: next(theirs), 1.5, "{ours:.0f} to {theirs:.0f}", turns=3)
    assert (line["ratio"], line["low"], line["high"], line["detail"]) == (2.0, 1.0, 3.0, "4 to 3")


@pytest.mark.parametrize(
    ("ratio", "target", "met"), [(2.0, 1.5, True), (1.0, 1.5, False), (1.1, -1.2, True), (1.3, -1.2, False)]
)
def test_a_negative_target_is_an_upper_bound(ratio: float, target: float, met: bool) -> None:
    line = row("x", ratio, target, "")
    assert reached(line) is met
    assert ("| yes |" if met else "| no |") in as_markdown([line])
    assert as_text([line]).startswith("✓" if met else "·")


def test_a_figure_without_a_target_is_told_and_not_drawn() -> None:
    line = row("x", 0.1, None, "")
    assert "| told | – |" in as_markdown([line])
    assert as_text([line]).startswith("  x")
    assert plot([line]).count("<rect") == 1  # the background


def test_a_part_that_does_not_exist_is_named_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["page", "pag"]) == 2
    assert capsys.readouterr().err.startswith("no such part: pag; there are page, view")


@pytest.mark.parametrize("part", PARTS)
def test_every_part_of_the_bench_measures_something(part: str) -> None:
    assert "\ndef measure(" in (Path(profile.__file__).parent / f"{part}.py").read_text()


def test_what_the_shop_carries_is_computed_from_the_figures_in_both_languages() -> None:
    lines = [row("x", 1.0, None, "", purchases_at_50_ms=50.0), row("y", 1.0, None, "", charges_per_second_by_16=100.0)]
    facts = scale.facts_of(lines)
    english, korean = (scale.as_markdown(facts, korean=korean) for korean in (False, True))
    for table in (english, korean):
        assert "| 50/s, 54,000,000 |" in table  # 50 × 3,600 × 10 × 30
        assert "| 2,200,000 |" in table  # 100 × 6 × 3,600, rounded
        assert "| – |" in table  # what was not measured
    assert english.count("\n") == korean.count("\n") == 2 + len(scale.LINES)


def test_a_table_replaces_the_earlier_one_between_its_marks() -> None:
    assert between("a<b>old<e>c", "<b>", "<e>", "new") == "a<b>new<e>c"


@pytest.mark.parametrize(
    ("file", "function", "share"),
    [
        ("/x/site-packages/jinja2/runtime.py", "call", "framework"),
        ("/x/site-packages/sqlalchemy/orm/session.py", "execute", "ORM"),
        ("/x/site-packages/sqlalchemy/engine/default.py", "do_execute", "SQL"),
        ("/x/site-packages/sqlalchemy/engine/default.py", "do_commit", "commit"),
        ("/y/payments/portone/transport.py", "send", "call"),
        ("/y/payments/record.py", "record", "own code"),
        ("/x/site-packages/requests/sessions.py", "send", ""),  # its caller's
    ],
)
def test_a_samples_time_belongs_to_its_package(file: str, function: str, share: str) -> None:
    assert profile._share(file, function) == share


@pytest.mark.sqlite_only
def test_a_payment_that_the_benchmark_of_the_callback_fills_in_is_paid_by_its_callback(
    app: Flask, client: FlaskClient, provider: FakeProvider
) -> None:
    callback.fill(app, 3)
    with app.app_context():
        report = provider.hears_of("m-2", amount=callback.AMOUNT)
    ids = {"imp_uid": report.imp_uid, "merchant_uid": "m-2"}
    assert client.post("/payment/complete", json=ids).get_json()["outcome"] == "paid"


@pytest.mark.slow
def test_copies_of_made_up_payments_lead_to_their_own_orders_and_keys(app: Flask) -> None:
    many_rows.fill(app, 900, base=300)
    with app.app_context():
        page = listing.payments(PaymentFilter(), Cursor())
        assert len(page.rows) == 50
        assert [row.id for row in page.rows] != sorted((row.id for row in page.rows), reverse=True)  # mixed in time
        assert db.session.scalar(select(func.count()).select_from(Payment)) == 900
        for payment in db.session.scalars(select(Payment).where(Payment.kind == "once", Payment.status == "paid")):
            order = db.session.get_one(Order, int(payment.purchase_id))
            assert payment.held_reason or order.paid_by == payment.merchant_uid
        for row in db.session.scalars(select(Cancellation)):
            assert row.imp_uid == db.session.get_one(Payment, row.payment_id).imp_uid


def test_the_plot_is_an_svg_with_a_bar_for_each_line() -> None:
    drawn = plot([row("a & b", 2.0, 1.5, ""), row("c", 1.0, -1.2, "")])
    assert drawn.count("<rect") == 3
    assert "a &amp; b" in drawn


@pytest.mark.parametrize("report", REPORTS, ids=lambda path: path.name)
def test_the_report_has_a_place_for_each_table(report: Path) -> None:
    text = report.read_text()
    for begin, end in ((BEGIN, END), (SCALE_BEGIN, SCALE_END)):
        assert text.count(begin) == text.count(end) == 1
        assert text.index(begin) < text.index(end)


def test_the_plain_shop_shows_and_sells_as_ours_does() -> None:
    """Fair: it says to its buyers what ours says, and guards the same door."""
    with apps.plain_shop() as plain:
        buyer = apps.buyer(plain)
        assert buyer.post("/cart/items", data={"product_id": 1, "quantity": 1}).get_json() == {"lines": 1}
        page = buyer.client.get("/").get_data(as_text=True)
        assert page.count('<li class="card">') == 12
        assert "csrf_token()" in PAGE
        assert buyer.client.post("/cart/items", data={"product_id": 1}).status_code == 400  # without the token
