"""The learn panel shows the lines of `decide` as the file has them; those marked are what the event log confirms."""

from pathlib import Path
from typing import Any

import pytest

from payments import decision
from payments.models import Event, Payment
from shop.demo.decide_lines import Decided, latest_decision
from tests.clocks import NOON
from tests.conftest import sign_in
from tests.sandboxed import sandboxed

SOURCE = Path(decision.__file__).read_text().splitlines()
AS_ASKED = "status, amount, currency, method, channel and ids are what we asked for"
REPORT = {
    "imp_uid": "imp_1",
    "merchant_uid": "m-1",
    "status": "paid",
    "amount": 9900,
    "cancel_amount": 0,
    "currency": "KRW",
    "pay_method": "phone",
    "pg_provider": "mobilians",
    "sandbox": True,
    "paid_at": int(NOON.timestamp()),
}


def payment(**more: Any) -> Payment:
    return Payment(merchant_uid="m-1", amount=9900, is_test_channel=True, **{"status": "ready", **more})


def event(outcome: str, reason: str, **report: Any) -> Event:
    return Event(source="callback", outcome=outcome, reason=reason, report={**REPORT, **report})


def ran(decided: Decided) -> list[str]:
    return [line.text.strip() for lines in decided.lines for line in lines if line.ran]


@pytest.mark.parametrize(
    ("outcome", "reason", "report", "last"),
    [
        ("paid", AS_ASKED, {}, 'return Decision("paid"'),
        ("held", "paid, but cannot be honoured: amount", {"amount": 100}, 'return Decision("held", why, status='),
        ("held", "paid, but cannot be honoured: duplicate", {}, 'return Decision("held", why, status='),
        ("held", "paid, but cannot be honoured: out_of_stock", {}, 'return Decision("held", why, status='),
        ("held", "paid, but not as asked: method", {"pay_method": "card"}, 'return Decision("held", f"paid, but not'),
        ("failed", "한도 초과", {"status": "failed", "fail_reason": "한도 초과"}, 'return Decision("failed"'),
    ],
)
def test_the_lines_that_ran_end_at_the_outcome_that_the_log_has(
    outcome: str, reason: str, report: dict[str, Any], last: str
) -> None:
    decided = latest_decision(payment(), [event(outcome, reason, **report)])
    assert any(line.startswith(last) for line in ran(decided)), ran(decided)
    assert 'if report.status == "paid":' in ran(decided)


def test_the_lines_are_those_of_the_file_and_begin_with_decide() -> None:
    decided = latest_decision(payment(), [event("paid", AS_ASKED)])
    assert decided.lines[0][0].text.startswith("def decide(")
    assert decided.lines[1][0].text.startswith("def _decide_paid(")
    for line in [line for lines in decided.lines for line in lines]:
        assert line.text == SOURCE[line.number - 1]


def test_a_log_that_says_something_else_than_the_function_lights_no_line() -> None:
    decided = latest_decision(payment(), [event("paid", "because of a full moon")])
    assert ran(decided) == []
    assert decided.lines[0][0].text.startswith("def decide(")


def test_the_latest_change_is_shown_and_what_came_before_it_is_taken_into_account() -> None:
    later = event("cancelled", "변심", status="cancelled", cancel_amount=9900, cancel_reason="변심")
    told_again = event("unchanged", "already recorded", status="cancelled", cancel_amount=9900)
    decided = latest_decision(payment(), [event("paid", AS_ASKED), later, told_again])
    assert decided.event is later
    assert decided.values[0].ours == "paid"
    assert any(line.startswith('return Decision("cancelled"') for line in ran(decided))


def test_an_attempt_that_was_never_looked_up_shows_what_was_asked() -> None:
    decided = latest_decision(payment(), [Event(source="checkout", outcome="ready", reason="opened")])
    assert decided.event is None
    assert ("amount", "9900", "") in [(value.name, value.ours, value.reported) for value in decided.values]


@pytest.mark.parametrize("report", [{"…": "{'amount': 9900"}, {}, {"status": "paid"}])
def test_a_report_that_was_not_kept_whole_lights_no_line(report: dict[str, Any]) -> None:
    told = Event(source="callback", outcome="paid", reason=AS_ASKED, report=report)
    assert ran(latest_decision(payment(), [told])) == []


def test_a_real_payment_shows_equal_values_on_both_sides(tmp_path: Path, seeded_database: Path) -> None:
    with sandboxed(tmp_path, seeded_database) as house:
        paid = house.subscribes("reader@example.com")
        client = house.app.test_client()
        sign_in(client, "reader@example.com")
        page = client.get(f"/orders/{paid.purchase_id}").get_data(as_text=True)
    panel = page.split('<aside class="learn"', 1)[1]
    assert panel.index("def decide(") < panel.index('class="flow"')
    assert "<mark>    if standing.state in" in panel
    assert f"<code>{paid.amount}</code></td><td><code>{paid.amount}</code>" in panel
