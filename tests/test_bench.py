"""The benchmarks' own arithmetic, and that the plain shop that we compare ourselves with really works."""

from pathlib import Path

import pytest

from bench import apps
from bench.__main__ import BEGIN, END, REPORTS, as_markdown, as_text
from bench.plain import PAGE
from bench.plot import plot
from bench.rows import compared, reached, row


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


def test_the_plot_is_an_svg_with_a_bar_for_each_line() -> None:
    drawn = plot([row("a & b", 2.0, 1.5, ""), row("c", 1.0, -1.2, "")])
    assert drawn.count("<rect") == 3
    assert "a &amp; b" in drawn


@pytest.mark.parametrize("report", REPORTS, ids=lambda path: path.name)
def test_the_report_has_a_place_for_the_table(report: Path) -> None:
    text = report.read_text()
    assert text.count(BEGIN) == text.count(END) == 1
    assert text.index(BEGIN) < text.index(END)


def test_the_plain_shop_shows_and_sells_as_ours_does() -> None:
    """Fair: it says to its buyers what ours says, and guards the same door."""
    with apps.plain_shop() as plain:
        buyer = apps.buyer(plain)
        assert buyer.post("/cart/items", data={"product_id": 1, "quantity": 1}).get_json() == {"lines": 1}
        page = buyer.client.get("/").get_data(as_text=True)
        assert page.count('<li class="card">') == 12
        assert "csrf_token()" in PAGE
        assert buyer.client.post("/cart/items", data={"product_id": 1}).status_code == 400  # without the token
