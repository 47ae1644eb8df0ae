"""The panel: every control of it works by a click, by its keyboard, in both languages, and behind its token."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect

from sandbox import Sandbox, create_sandbox
from sandbox.attacks.texts import LAB_TEXTS
from sandbox.controls.differences import UNVERIFIED
from sandbox.controls.setting_texts import SETTING_TEXTS
from sandbox.controls.texts import TEXTS
from sandbox.ledger.options import Options
from sandbox.ledger.outcomes import OUTCOMES
from tests.sandbox.conftest import open_window, pay, served

PAGES = ("/controls/", "/controls/attacks", "/controls/sign-in")


@pytest.mark.parametrize("texts", [TEXTS, SETTING_TEXTS, LAB_TEXTS])
def test_every_text_is_there_in_both_languages(texts: dict[str, dict[str, str]]) -> None:
    assert texts["ko"].keys() == texts["en"].keys()
    foreign = {word for text in texts["en"].values() for word in re.findall("[가-힣]+", text)}
    assert foreign <= {"한국어"}


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("language", ["ko", "en"])
def test_a_page_lets_no_inline_or_foreign_script_in(path: str, language: str, anybody: FlaskClient) -> None:
    answer = anybody.get(f"{path}?lang={language}")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert f'<html lang="{language}">' in page
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", page)


def test_the_panel_tells_numbers_switches_and_what_is_not_verified(anybody: FlaskClient, sandbox: Sandbox) -> None:
    page = anybody.get("/controls/?lang=ko").get_data(as_text=True)
    assert all(f"<dt>{outcome.ending}</dt>" in page for outcome in OUTCOMES)
    assert all(f'name="{name}"' in page for name in vars(Options()))
    assert all(thing.switch is None or thing.switch in vars(Options()) for thing in UNVERIFIED)
    assert page.count('class="unverified"') == len([thing for thing in UNVERIFIED if thing.switch])
    assert UNVERIFIED[0].ko in page
    assert 'href="/controls/attacks?lang=ko"' in page


def test_the_tools_come_first_and_the_way_back_leads_to_the_shop(anybody: FlaskClient) -> None:
    page = anybody.get("/controls/?lang=ko").get_data(as_text=True)
    titles = re.findall(r'<h[23] id="([\w-]+)-title"', page)
    assert titles == ["faults", "pay", "settings", "payments", "deliveries", "numbers", "unverified", "reset"]
    assert re.findall(r'<h2 class="group">([^<]+)<', page) == ["도구", "기록", "참고"]
    assert '<a href="http://127.0.0.1:5000/">← 쇼핑몰로 돌아가기</a>' in page


def test_the_panel_says_what_a_korean_developer_would_say() -> None:
    said = " ".join(TEXTS["ko"].values())
    assert not re.search("씨앗|날씨|고장|걸린|걸기|풀기|장부|연기합니다", said)
    assert not re.search("weather|strikes|mend|knock|books|Forget", " ".join(TEXTS["en"].values()), re.IGNORECASE)


def test_the_buttons_of_the_clock_move_it_with_the_shop_where_one_is_known(
    anybody: FlaskClient, tmp_path: Path
) -> None:
    assert 'id="next-charge"' not in anybody.get("/controls/").get_data(as_text=True)
    refused = anybody.post("/controls/clock/with-shop", json={"to": "tomorrow"})
    assert (refused.status_code, refused.json and refused.json["error"]) == (409, "no_shop")
    app = create_sandbox(tmp_path / "b.sqlite3", clock_url="http://127.0.0.1:9/demo/clock", start_worker=False)
    page = app.test_client().get("/controls/").get_data(as_text=True)
    assert page.count('action="/controls/clock/with-shop"') == 3
    silent = app.test_client().post("/controls/clock/with-shop", json={"to": "tomorrow"})
    assert (silent.status_code, silent.json and silent.json["error"]) == (502, "shop")
    app.extensions["sandbox"].close()


def test_lists_hold_what_can_be_done_and_no_buyers_number(anybody: FlaskClient, sandbox: Sandbox) -> None:
    paid = pay(sandbox, merchant_uid="was-paid", notice_url="http://127.0.0.1:9/hook")
    open_window(sandbox, merchant_uid="still-open")
    sandbox.ledger.faults.add({"path": "/payments/*", "fault": "latency", "count": 3})
    page = anybody.get("/controls/").get_data(as_text=True)
    assert f'action="/controls/payments/{paid["imp_uid"]}/cancel"' in page
    assert f'action="/controls/payments/{paid["imp_uid"]}/undo-at-kg"' in page
    assert page.count('/window" data-send') == 3
    assert "/controls/deliveries/1/redeliver" in page
    assert "/payments/*" in page
    assert "01012345678" not in page
    assert "010-****-5678" in page


@pytest.mark.parametrize(("outcome", "status"), [("approve", "paid"), ("decline", "failed"), ("close", "failed")])
def test_a_window_that_a_buyer_left_open_can_be_ended_from_here(
    outcome: str, status: str, anybody: FlaskClient, sandbox: Sandbox
) -> None:
    view = sandbox.ledger.get_window(open_window(sandbox))
    assert view
    address = f"/controls/payments/{view.imp_uid}/window"
    told = anybody.post(address, json={"outcome": outcome}).json
    assert told
    assert told["success"] == (status == "paid")
    payment = sandbox.ledger.payment(view.imp_uid)
    assert payment
    assert payment["status"] == status
    assert anybody.post(address, json={"outcome": outcome}).status_code == 404  # it is not open any more
    assert anybody.post(address, json={"outcome": "perhaps"}).json["field"] == "outcome"  # type: ignore[index]


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Flask]:
    app = create_sandbox(tmp_path / "guarded.sqlite3", controls_token="open sesame", start_worker=False)
    yield app
    app.extensions["sandbox"].close()


def test_with_a_token_set_people_are_asked_for_it_once(guarded: Flask) -> None:
    visitor = guarded.test_client()
    for path in ("/controls/", "/controls/attacks"):
        assert "/controls/sign-in" in visitor.get(path).headers["Location"]
    assert visitor.post("/controls/sign-in", data={"token": "open barley"}).status_code == 401
    assert visitor.get("/controls/payments").status_code == 401
    entered = visitor.post("/controls/sign-in", data={"token": "open sesame"})
    assert "HttpOnly; Path=/controls; SameSite=Strict" in entered.headers["Set-Cookie"]
    assert visitor.get("/controls/").status_code == 200
    assert visitor.get("/controls/payments").status_code == 200


def test_programs_bring_the_token_in_a_header_and_the_clock_is_told_to_all(guarded: Flask) -> None:
    program = guarded.test_client()
    for method, path in (("GET", "faults"), ("POST", "clock"), ("POST", "reset"), ("POST", "attacks/forged-webhook")):
        assert program.open(f"/controls/{path}", method=method, json={}).status_code == 401
    assert program.get("/controls/clock").status_code == 200
    assert program.get("/controls/faults", headers={"X-Controls-Token": "open sesame"}).status_code == 200


def test_no_other_sites_page_can_give_orders(anybody: FlaskClient) -> None:
    for path in ("/controls/reset", "/controls/sign-in", "/controls/attacks/forged-webhook"):
        assert anybody.post(path, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


@pytest.fixture
def panel(page: Page, sandbox_app: Flask) -> Iterator[Page]:
    with served(sandbox_app) as address:
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{address}/controls/?lang=en")
        yield page
        assert not errors


@pytest.mark.browser
def test_a_visitor_plays_with_the_panel(panel: Page, sandbox: Sandbox) -> None:
    said, began = panel.locator("#said"), sandbox.clock.now()
    panel.locator("#next-month").press("Enter")
    expect(said).to_have_text("Done.")
    assert sandbox.clock.now() - began > 27 * 86400
    expect(panel.locator("#next-month")).to_be_focused()  # though the part was put in anew

    panel.locator("input[name=merchant_uid]").fill("from-the-panel")
    panel.get_by_role("button", name="Pay", exact=True).click()
    expect(panel.locator("#pay-answer")).to_contain_text('"success": true')
    row = panel.locator("#payments tr", has_text="from-the-panel")
    expect(row).to_contain_text("paid")
    panel.on("dialog", lambda dialog: dialog.accept())
    row.get_by_role("button", name="Cancel in the console").click()
    expect(row).to_contain_text("cancelled")

    value = panel.get_by_label("Value (empty: default)")
    panel.locator("select[name=fault]").select_option("status")
    value.fill("200")
    panel.get_by_role("button", name="Add", exact=True).click()
    expect(said).to_contain_text("value a whole number from 400 to 599")
    expect(value).to_be_focused()
    value.fill("503")
    panel.get_by_role("button", name="Add", exact=True).click()
    expect(panel.locator("#rules")).to_contain_text("1 left")
    assert [rule.value for rule in sandbox.ledger.faults.rules()] == [503]
    panel.locator("#clear-faults").click()
    expect(panel.locator("#rules")).to_contain_text("No error is active.")

    panel.locator("select[name=webhook_order]").select_option("twice")
    panel.get_by_role("button", name="Save").click()
    expect(said).to_have_text("Done.")
    assert sandbox.ledger.options() == Options(webhook_order="twice")

    panel.locator("#reset").click()
    expect(panel.locator("#payments")).to_contain_text("No payments yet")
    assert sandbox.clock.offset() == 0


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_a_phone_scrolls_one_way_only(scheme: str, panel: Page, sandbox: Sandbox) -> None:
    pay(sandbox, "01000007003", notice_url="http://127.0.0.1:9/hook")
    open_window(sandbox, merchant_uid="still-open")
    sandbox.ledger.faults.add({"path": "/payments/*", "fault": "latency", "probability": 0.5})
    panel.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    panel.set_viewport_size({"width": 360, "height": 740})
    for path in PAGES:
        panel.goto(panel.url.split("/controls", 1)[0] + path)
        violations = Axe().run(panel).response["violations"]
        assert not violations, json.dumps(violations, indent=1)[:3000]
        assert panel.evaluate("document.documentElement.scrollWidth") <= 360
