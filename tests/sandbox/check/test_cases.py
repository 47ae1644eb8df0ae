"""The cases: a right shop does well in all of them, and each is seen to fail in a shop that does one thing wrong."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from sandbox import create_sandbox
from sandbox.adapter import WSGIAdapter
from sandbox.check import names, shopfile
from sandbox.check.cases import CASES
from sandbox.check.portone import PortOne
from sandbox.check.run import BROKEN, OK, Run
from sandbox.check.seen_texts import SEEN
from sandbox.check.texts import NOTES, seen
from sandbox.ledger.merchant import API_KEY, API_SECRET
from tests.clocks import start_sandbox
from tests.sandbox.check.small_shop import DESCRIPTION, SmallShop

# What a shop does wrong, by the case that notices, and what the case then sees.
WRONG = {
    "paid-by-callback": ("deaf-callback", "not_paid"),
    "paid-by-redirect": ("deaf-redirect", "not_paid"),
    "paid-by-webhook": ("deaf-webhook", "not_paid"),
    "all-at-once": ("cancels-repeats", "not_paid"),
    "declined": ("believes-any-news", "paid_for_nothing"),
    "closed": ("believes-any-news", "paid_for_nothing"),
    "late-failure": ("failure-wins", "no_longer_paid"),
    "duplicate-window": ("loses-order", "not_paid"),
    "cancelled-in-console": ("ignores-cancel", "still_paid"),
    "all-lost": ("lazy-sweep", "not_found_by_sweep"),
    "changed-price": ("any-amount", "paid_too_little"),
    "price-in-the-order": ("believes-price", "price_believed"),
    "negative-quantity": ("any-quantity", "quantity_believed"),
    "replayed-payment": ("any-merchant-uid", "paid_by_others"),
    "strangers-payment": ("any-merchant-uid", "paid_by_others"),
    "failed-payment": ("believes-success", "paid_for_nothing"),
    "forged-webhook": ("believes-webhook", "paid_for_nothing"),
    "forged-redirect": ("believes-address", "paid_for_nothing"),
    "other-channel": ("any-channel", "paid_by_other_channel"),
    "strangers-order": ("open-orders", "seen_by_strangers"),
    "duplicate-webhooks": ("counts-each", "honoured_twice"),
    "portone-slow": ("impatient", "lost_in_outage"),
    "portone-silent": ("silence-is-success", "paid_unseen"),
    "portone-down": ("silence-is-failure", "lost_in_outage"),
    "portone-busy": ("silence-is-failure", "lost_in_outage"),
    "portone-garbled": ("silence-is-success", "paid_unseen"),
    "first-month": ("charges-at-once", "charged_again"),
    "second-month": ("never-charges", "not_charged"),
    "month-run-twice": ("forgets-months", "charged_again"),
    "month-declined": ("code-zero", "charged_for_nothing"),
    "month-answer-lost": ("retries-blindly", "charged_again"),
    "month-look-up-refused": ("refusal-is-absence", "charged_again"),
}


@contextmanager
def run_against(folder: Path, wrong: Collection[str] = (), more: str = "", patience: float = 0.0) -> Iterator[Run]:
    """The cases, in one process with the small shop and a sandbox of its own."""
    (folder / "shop.toml").write_text(DESCRIPTION + more)
    described = shopfile.read(folder / "shop.toml", tuple(CASES))
    names.check("shop.toml", described)
    start_sandbox(folder / "sandbox.sqlite3")
    keys = API_KEY, API_SECRET
    sandbox = create_sandbox(folder / "sandbox.sqlite3", shop_origin="http://shop", api_keys=keys)
    http = requests.Session()
    http.mount("http://sandbox", WSGIAdapter(sandbox.wsgi_app, "http://sandbox"))
    shop = SmallShop(http, "http://sandbox", wrong)
    for session in (http, sandbox.extensions["sandbox"].http):
        session.mount("http://shop", WSGIAdapter(shop.app(), "http://shop"))
    try:
        yield Run(described, http, PortOne(http, "http://sandbox", alone=True), patience)
    finally:
        sandbox.extensions["sandbox"].close()


QUICK = ("replayed-payment", "month-look-up-refused")


@pytest.mark.slow
def test_a_right_shop_does_well_in_every_case(tmp_path: Path) -> None:
    with run_against(tmp_path, patience=20) as run:
        ended = {name: run.play(case) for name, case in CASES.items()}
    assert {name: (result.state, seen(result, "en")) for name, result in ended.items() if result.state != OK} == {}
    assert ended["duplicate-window"].key == "second_given_back"


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in CASES]
)
def test_a_case_notices_the_shop_that_does_its_one_thing_wrong(name: str, tmp_path: Path) -> None:
    switch, key = WRONG[name]
    with run_against(tmp_path, [switch]) as run:
        result = run.play(CASES[name])
    assert (result.state, result.key) == (BROKEN, key), (seen(result, "en"), result.steps)
    assert all(step.note in NOTES["ko"] for step in result.steps)
    assert seen(result, "ko") != seen(result, "en") != ""


def test_every_wrong_shop_has_its_case_and_every_text_is_there_in_both_languages() -> None:
    assert WRONG.keys() == CASES.keys()
    assert {key for _, key in WRONG.values()} <= SEEN["ko"].keys() == SEEN["en"].keys()
    assert NOTES["ko"].keys() == NOTES["en"].keys()


@pytest.mark.slow
def test_a_buyer_of_an_earlier_case_is_replaced_when_a_case_does_not_end_well(tmp_path: Path) -> None:
    with run_against(tmp_path, ["any-channel"]) as run:
        assert run.play(CASES["paid-by-callback"]).state == OK
        result = run.play(CASES["other-channel"])
        assert result.state == BROKEN
        assert [step.request.split("  ")[0] for step in result.steps[:1]] == ["POST /signup"]


@pytest.mark.slow
def test_a_second_payment_that_the_shop_keeps_is_a_remark(tmp_path: Path) -> None:
    with run_against(tmp_path, ["keeps-second"]) as run:
        result = run.play(CASES["duplicate-window"])
    assert (result.state, result.key) == (OK, "second_kept")
