"""`docs/copying.md` taken literally: its code becomes a Flask app in an empty folder and sells against the sandbox."""

import json
import os
import re
import secrets
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psycopg
import pytest
import requests
from playwright.sync_api import Browser, expect

from sandbox.running import RunningSandbox
from tests.sandbox.window.shop_page import approve, identify

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "copying.md"
REPLACED = re.compile(r"^# in (\S+), instead of: (.+)\n", re.MULTILINE)
BLOCK = re.compile(r"^```(?:python|html)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHELL = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"(?:# file: (\S+)|<!-- file: (\S+) -->)\n")


@dataclass
class Host:
    """The app of the page, in a process of its own."""

    folder: Path
    url: str
    sandbox: RunningSandbox
    environ: dict[str, str]

    def buy(self) -> dict[str, Any]:
        answer = requests.post(f"{self.url}/buy", json={}, timeout=20)
        assert answer.status_code == 200, answer.text
        asked: dict[str, Any] = answer.json()["request_pay"]
        return asked

    def pays(self, asked: dict[str, Any], outcome: Literal["approve", "decline"] = "approve") -> dict[str, Any]:
        """The window is used; what the page's callback would get. The webhook, if there is a `notice_url`, is done."""
        return self.sandbox.pay(asked, outcome=outcome)

    def callback(self, imp_uid: str | None, merchant_uid: str) -> requests.Response:
        ids = {"imp_uid": imp_uid, "merchant_uid": merchant_uid}
        return requests.post(f"{self.url}/payment/complete", json=ids, timeout=20)

    def order(self, order_id: int = 1) -> str:
        return requests.get(f"{self.url}/orders/{order_id}", timeout=20).text

    def python(self, code: str) -> str:
        """Run code in an app context of the host; what it printed."""
        head = "from app import *\nwith app.app_context():\n"
        return self._run("-c", head + "".join(f"    {line}\n" for line in code.strip().splitlines())).stdout.strip()

    def flask(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return self._run("-m", "flask", "--app", "app", *arguments)

    def _run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def sql(self, statement: str) -> list[Any]:
        with sqlite3.connect(self.folder / "coffee.sqlite3") as database:
            return database.execute(statement).fetchall()


def build(folder: Path, page: str, *, monthly: bool = True) -> None:
    """Do what the page says: copy `payments/`, replace the line, write the files."""
    ignored = shutil.ignore_patterns("__pycache__", *(() if monthly else ("monthly",)))
    shutil.copytree(ROOT / "payments", folder / "payments", ignore=ignored)
    for block in BLOCK.findall(page):
        replaced, named = REPLACED.match(block), FILE.match(block)
        if replaced:
            path = folder / replaced[1]
            before = path.read_text()
            lines = [line for line in before.splitlines() if line.startswith(replaced[2])]
            assert len(lines) == 1, "the page names a line that is not there"
            path.write_text(before.replace(lines[0], block[replaced.end() :]))
        elif named:
            path = folder / (named[1] or named[2])
            path.parent.mkdir(exist_ok=True)
            path.write_text(block)


@contextmanager
def running(folder: Path, page: str, *, monthly: bool = True, database_url: str = "") -> Iterator[Host]:
    build(folder, page, monthly=monthly)
    with RunningSandbox(folder / "sandbox.sqlite3") as sandbox, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        environ = kept | {
            "DATABASE_URL": database_url or f"sqlite:///{folder}/coffee.sqlite3",
            "PUBLIC_URL": url,
            "PORTONE_API_URL": sandbox.url,
            "PORTONE_SDK_URL": sandbox.script_url,
            "PORTONE_IMP_CODE": sandbox.imp_code,
            "PORTONE_API_KEY": sandbox.api_key,
            "PORTONE_API_SECRET": sandbox.api_secret,
            "PORTONE_TEST_CHANNEL": "true",
        }
        free.close()
        made = subprocess.run(
            [sys.executable, "create_tables.py"], cwd=folder, env=environ, capture_output=True, text=True, check=False
        )
        assert made.returncode == 0, made.stderr
        with (folder / "log").open("w") as log:
            command = [sys.executable, "-m", "flask", "--app", "app", "run", "--port", str(port)]
            process = subprocess.Popen(command, cwd=folder, env=environ, stdout=log, stderr=log)
        try:
            _wait_for(url, process, folder / "log")
            yield Host(folder, url, sandbox, environ)
        finally:
            process.terminate()
            process.wait(timeout=20)


def _wait_for(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            requests.get(url, timeout=5)
            return
        except requests.ConnectionError:
            assert process.poll() is None and time.monotonic() < until, log.read_text()
            time.sleep(0.05)


@pytest.fixture(scope="module")
def text() -> str:
    return PAGE.read_text()


@pytest.fixture
def host(tmp_path: Path, text: str) -> Iterator[Host]:
    with running(tmp_path, text) as host:
        yield host


def test_the_code_of_both_languages_is_the_same() -> None:
    english = PAGE.with_suffix(".en.md").read_text()
    assert BLOCK.findall(PAGE.read_text()) == BLOCK.findall(english) != []


def test_the_copied_folder_sells_by_callback_and_by_webhook_alone(host: Host) -> None:
    asked = host.buy()
    paid = host.pays(asked | {"notice_url": ""})
    assert host.order() == "pending"
    answer = host.callback(paid["imp_uid"], asked["merchant_uid"])
    assert (answer.status_code, answer.json()["outcome"], answer.json()["redirect"]) == (200, "paid", "/orders/1")
    assert host.order() == "paid"
    host.pays(host.buy())
    assert host.order(2) == "paid"
    assert host.sql("SELECT stock FROM product") == [(8,)]


def test_the_copied_folder_sells_without_its_subscriptions(tmp_path: Path, text: str) -> None:
    with running(tmp_path, text, monthly=False) as host:
        host.pays(host.buy())
        assert host.order() == "paid"
        assert host.flask("sync").returncode == 0


def test_a_page_whose_code_is_changed_makes_the_host_refuse_the_money(tmp_path: Path, text: str) -> None:
    broken = text.replace("            return Standing.open()", '            return Standing.closed("no", "아니오")')
    assert broken != text
    with running(tmp_path, broken) as host:
        assert requests.post(f"{host.url}/buy", json={}, timeout=20).status_code == 409  # PurchaseClosed


@pytest.mark.browser
def test_the_twenty_five_lines_of_the_page_pay_in_chromium(host: Host, browser: Browser) -> None:
    tab = browser.new_page(locale="ko-KR")
    tab.goto(host.url)
    with tab.expect_popup() as opened:
        tab.locator("#pay").click()
    identify(opened.value)
    approve(opened.value)
    tab.wait_for_url("**/orders/1")
    expect(tab.locator("body")).to_have_text("paid")
    tab.close()


# --- in make check ----------------------------------------------------------------------------------------------------

OPEN_AGAIN = """
started = payments.start("coffee", 1, amount=5000, name="커피",
                         buyer=payments.Buyer("홍길동", "01012345678", "b@example.com"), digital=True)
import json; print(json.dumps(started.request_pay))
"""
SILENT = {"notice_url": "", "confirm_url": ""}  # no webhook, and nobody is asked before the approval


@pytest.mark.slow
def test_a_payment_whose_callback_and_webhook_are_lost_is_found_by_the_sweep(host: Host) -> None:
    host.pays(host.buy() | SILENT)
    host.sql("UPDATE payments SET created_at = datetime(created_at, '-4 minutes')")
    swept = host.flask("sync")
    assert (swept.returncode, swept.stdout.strip(), host.order()) == (0, "1 paid", "paid")


@pytest.mark.slow
def test_an_overdue_order_expires_and_its_goods_are_on_sale_again(host: Host) -> None:
    host.buy()
    host.sql("UPDATE \"order\" SET created_at = datetime(created_at, '-31 minutes')")
    assert host.flask("sync").stdout.strip() == "1 expired"
    assert (host.order(), host.sql("SELECT stock FROM product")) == ("expired", [(10,)])


@pytest.mark.slow
def test_ten_callbacks_at_once_have_one_outcome(host: Host) -> None:
    asked = host.buy()
    imp_uid = host.pays(asked | SILENT)["imp_uid"]
    with ThreadPoolExecutor(10) as pool:
        answers = pool.map(lambda _: host.callback(imp_uid, asked["merchant_uid"]).json()["outcome"], range(10))
    assert sorted(answers) == ["paid"] + ["unchanged"] * 9
    assert host.sql("SELECT count(*) FROM payment_events WHERE outcome = 'paid'") == [(1,)]


@pytest.mark.slow
def test_after_a_decline_the_order_is_still_open_and_another_window_pays_it(host: Host) -> None:
    asked = host.buy()
    told = host.pays(asked | SILENT, "decline")
    answer = host.callback(told["imp_uid"], asked["merchant_uid"]).json()
    assert (answer["outcome"], answer["status"], host.order()) == ("failed", "failed", "pending")
    assert answer["message"]
    host.pays(json.loads(host.python(OPEN_AGAIN)))
    assert host.order() == "paid"


@pytest.mark.slow
@pytest.mark.parametrize(("left", "outcome", "order"), [(1, "paid", "paid"), (0, "held", "expired")])
def test_late_money_is_kept_while_there_are_goods_and_goes_back_when_they_are_gone(
    left: int, outcome: str, order: str, host: Host
) -> None:
    asked = host.buy()
    imp_uid = host.pays(asked | SILENT)["imp_uid"]
    host.sql("UPDATE \"order\" SET status = 'expired'")
    host.sql(f"UPDATE product SET stock = {left}")  # noqa: S608
    assert host.callback(imp_uid, asked["merchant_uid"]).json()["outcome"] == outcome
    status = "paid" if outcome == "paid" else "cancelled"
    assert (host.order(), host.sql("SELECT status FROM payments")) == (order, [(status,)])
    assert host.sql("SELECT stock FROM product") == [(0,)]


@pytest.mark.slow
def test_a_second_window_that_is_paid_too_is_cancelled_by_itself(host: Host) -> None:
    first, second = host.buy(), json.loads(host.python(OPEN_AGAIN))
    for asked, outcome in ((first, "paid"), (second, "held")):
        imp_uid = host.pays(asked | SILENT)["imp_uid"]
        assert host.callback(imp_uid, asked["merchant_uid"]).json()["outcome"] == outcome
    assert host.sql("SELECT status, cancelled_amount FROM payments ORDER BY id") == [("paid", 0), ("cancelled", 5000)]
    assert host.order() == "paid"


@pytest.mark.slow
def test_ids_that_are_nobodys_are_not_found(host: Host) -> None:
    assert host.callback("imp_nobodys", "nobodys").status_code == 404


@pytest.mark.slow
def test_a_host_with_unsaved_rows_is_told_so_and_loses_none(host: Host) -> None:
    host.buy()
    said = host.python(
        """
db.session.add(Order(product_id=1)); db.session.flush()
try:
    payments.start("coffee", 1, amount=5000, name="x", buyer=payments.Buyer("a", "01012345678", "b@c.de"), digital=True)
except payments.UncommittedChanges as error:
    print(error)
db.session.commit(); print(Order.query.count())
"""
    )
    assert said.splitlines()[0].startswith("commit before")
    assert said.splitlines()[1] == "2"


@pytest.mark.slow
def test_the_copied_folder_sells_on_postgresql(tmp_path: Path, text: str, postgres: str) -> None:
    server = postgres.rpartition("/")[0]
    name = f"copied_{secrets.token_hex(4)}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    url = f"{server}/{name}".replace("postgresql://", "postgresql+psycopg://")
    with running(tmp_path, text, database_url=url) as host:
        asked = host.buy()
        paid = host.pays(asked | SILENT)
        with ThreadPoolExecutor(10) as pool:
            answers = pool.map(lambda _: host.callback(paid["imp_uid"], asked["merchant_uid"]).json(), range(10))
        assert sorted(answer["outcome"] for answer in answers) == ["paid"] + ["unchanged"] * 9
        assert host.order() == "paid"


# --- its tests travel along -------------------------------------------------------------------------------------------

TESTS_WITHOUT_MONTHLY, TESTS_WITH_MONTHLY = 450, 550  # at least so many of them are run


def copy_with_its_tests(folder: Path, page: str) -> None:
    """Run the page's shell lines: the folder, its tests, and an empty file that makes `tests` a package."""
    for line in "".join(SHELL.findall(page)).splitlines():
        if not line.startswith(("pip ", "pytest ")):
            subprocess.run(["bash", "-c", line.replace("your-app", str(folder))], cwd=ROOT, check=True)


def run_its_tests(folder: Path, *chosen: str, **environ: str) -> str:
    """pytest in that folder, with nothing of this project and no plugin but the two that are named; what it said."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST", "COV"))}
    kept |= {"PYTHONPATH": str(folder), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} | environ
    plugins = ("-p", "pytest_httpserver.pytest_plugin", "-p", "_hypothesis_pytestplugin")
    command = [sys.executable, "-m", "pytest", "-q", *plugins, *(chosen or ["tests/payments"])]
    run = subprocess.run(command, cwd=folder, env=kept, capture_output=True, text=True, check=False, timeout=800)
    return run.stdout.strip() + run.stderr


def all_passed(said: str) -> int:
    """How many passed. pytest's last line names nothing else: none failed, was skipped, left out or warned of."""
    told = re.fullmatch(r"(\d+) passed in .*", said.splitlines()[-1])
    assert told, said[-5000:]
    return int(told[1])


@pytest.mark.slow
@pytest.mark.parametrize("monthly", [True, False])
def test_the_tests_of_payments_pass_in_an_empty_folder(monthly: bool, tmp_path: Path, text: str) -> None:
    copy_with_its_tests(tmp_path, text)
    if not monthly:
        shutil.rmtree(tmp_path / "payments" / "monthly")
        shutil.rmtree(tmp_path / "tests" / "payments" / "monthly")
    assert all_passed(run_its_tests(tmp_path)) >= (TESTS_WITH_MONTHLY if monthly else TESTS_WITHOUT_MONTHLY)


SOME = [
    f"tests/payments/{name}.py" for name in ("test_money_laws", "test_sync", "test_sweep", "monthly/test_first_month")
]


@pytest.mark.slow
def test_the_tests_of_payments_pass_beside_the_app_of_the_page_and_its_own_db(tmp_path: Path, text: str) -> None:
    copy_with_its_tests(tmp_path, text)
    shutil.rmtree(tmp_path / "payments")
    build(tmp_path, text)
    assert all_passed(run_its_tests(tmp_path, *SOME)) >= 55


@pytest.mark.slow
def test_the_tests_of_payments_pass_on_a_postgresql_that_is_named(tmp_path: Path, text: str, postgres: str) -> None:
    copy_with_its_tests(tmp_path, text)
    assert all_passed(run_its_tests(tmp_path, *SOME, PAYMENTS_TEST_POSTGRES=postgres)) >= 55


def test_the_tests_of_payments_say_what_is_missing_beside_them(tmp_path: Path, text: str) -> None:
    copy_with_its_tests(tmp_path, text)
    (tmp_path / "tests" / "__init__.py").unlink()
    assert "put an empty __init__.py into the folder above these tests" in run_its_tests(tmp_path)
