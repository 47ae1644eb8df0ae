"""What Prometheus reads, and who may read it."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from app import close_app
from payments import clock
from payments.database import db, transaction
from payments.events import Notification, log_event
from payments.models import Payment
from payments.signals import Call, portone_called
from shop.config import Settings, load_settings
from shop.orders.models import User
from tests.conftest import NOBODY_ANSWERS, create_shop
from tests.payments.fakes import FakeProvider
from tests.shop.bought import started

ROOT = Path(__file__).parents[3]
TOKEN = "0123456789abcdef0123"


def value(client: FlaskClient, name: str, **labels: str) -> float:
    """One figure as a scraper reads it; 0 when it is not there yet."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.mimetype == "text/plain"
    for family in text_string_to_metric_families(answer.get_data(as_text=True)):
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                return sample.value
    return 0.0


def test_requests_are_counted_by_route_and_not_by_address(client: FlaskClient) -> None:
    labels = {"method": "GET", "route": "/products/<slug>", "status": "404"}
    before = value(client, "shop_request_seconds_count", **labels)
    client.get("/products/a")
    client.get("/products/b")
    assert value(client, "shop_request_seconds_count", **labels) == before + 2
    client.get("/nowhere/1")
    assert value(client, "shop_request_seconds_count", route="none", status="404") >= 1
    assert "/nowhere/1" not in client.get("/metrics").get_data(as_text=True)


def test_notifications_are_counted_by_endpoint_after_the_commit(client: FlaskClient, provider: FakeProvider) -> None:
    counted = [
        ("shop_notifications_total", {"endpoint": "webhook", "outcome": "not_found"}),
        ("shop_decisions_total", {"source": "webhook", "outcome": "not_found"}),
    ]
    before = [value(client, name, **labels) for name, labels in counted]
    client.post("/payment/webhook", json={"imp_uid": "imp_1"})
    assert [value(client, name, **labels) for name, labels in counted] == [number + 1 for number in before]


def test_calls_to_portone_are_timed_by_address_without_ids(app: Flask, client: FlaskClient) -> None:
    labels = {"call": "GET /payments/find/{id}/paid", "result": "404"}
    before = value(client, "shop_portone_seconds_count", **labels)
    for merchant_uid in ("261125-aa", "261125-bb"):
        call = Call(f"GET /payments/find/{merchant_uid}/paid", 0.03, "404")
        portone_called.send(app.extensions["payments"].provider, call=call)
    assert value(client, "shop_portone_seconds_count", **labels) == before + 2
    assert "261125" not in client.get("/metrics").get_data(as_text=True)


def test_what_stands_open_is_read_from_the_books(client: FlaskClient, provider: FakeProvider, buyer: User) -> None:
    assert value(client, "shop_open_payments") == 0
    subscription = started(provider, buyer)
    with transaction():
        month = {"kind": "renewal", "purchase_id": str(subscription.id), "period": clock.period_of(clock.now())}
        asked = {"name": "월 이용권", "amount": 4900, "is_test_channel": True}
        db.session.add(Payment(merchant_uid="m-1", status="ready", **month, **asked))
        db.session.add(Payment(merchant_uid="m-2", status="paid", held_reason="amount", **month, **asked))
    assert value(client, "shop_open_payments") == 1
    assert value(client, "shop_oldest_open_payment_seconds") >= 0
    assert value(client, "shop_held_payments") == 1
    assert value(client, "shop_monthly_charges", status="ready") == 1


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("203.0.113.9", {}, 403),
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.9"}, 403),  # a proxy on this machine
        ("203.0.113.9", {"X-Forwarded-For": "127.0.0.1"}, 403),
        ("", {}, 403),
    ],
)
def test_without_a_token_only_this_machine_reads(
    address: str, headers: dict[str, str], status: int, client: FlaskClient
) -> None:
    answer = client.get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": address})
    assert answer.status_code == status


@pytest.mark.sqlite_only
def test_with_a_token_only_who_brings_it_reads(settings: Settings) -> None:
    app = create_shop(load_settings(NOBODY_ANSWERS | {"METRICS_TOKEN": TOKEN}, settings.instance_path))
    client = app.test_client()
    for sent, status in ((f"Bearer {TOKEN}", 200), ("Bearer wrong", 403), (f"Bearer {TOKEN}é", 403), ("", 403)):
        answer = client.get("/metrics", headers={"Authorization": sent}, environ_base={"REMOTE_ADDR": "203.0.113.9"})
        assert answer.status_code == status, sent
    assert client.get("/metrics").status_code == 403
    close_app(app)


COUNTING_PROCESS = """
import sys
from pathlib import Path
from app import create_app
from shop.config import load_settings
app = create_app(load_settings({"PORTONE_API_URL": "http://127.0.0.1:9/sandbox"}, Path(sys.argv[1])))
client = app.test_client()
client.get("/login")
print(client.get("/metrics").get_data(as_text=True))
"""


@pytest.mark.slow
@pytest.mark.sqlite_only
def test_several_processes_are_added_up(settings: Settings, tmp_path: Path) -> None:
    together = tmp_path / "together"
    together.mkdir()
    for processes in (1, 2):
        run = subprocess.run(
            [sys.executable, "-c", COUNTING_PROCESS, str(settings.instance_path)],
            cwd=ROOT,
            env={"PROMETHEUS_MULTIPROC_DIR": str(together)},
            capture_output=True,
            text=True,
            check=True,
        )
        line = f'shop_request_seconds_count{{method="GET",route="/login",status="200"}} {processes}.0'
        assert line in run.stdout


def test_a_transaction_that_is_rolled_back_is_not_counted(client: FlaskClient, shop: Any) -> None:
    labels = {"source": "sweep", "outcome": "paid"}
    before = value(client, "shop_decisions_total", **labels)
    with pytest.raises(RuntimeError), transaction():
        log_event(Notification("sweep"), "paid", "never stood")
        shop.flush()
        raise RuntimeError
    assert value(client, "shop_decisions_total", **labels) == before


@pytest.mark.parametrize("name", ["operations.md", "operations.en.md"])
def test_the_documents_name_exactly_the_figures_that_there_are(
    name: str, app: Flask, client: FlaskClient, provider: FakeProvider
) -> None:
    client.post("/payment/webhook", json={"imp_uid": "imp_1"})
    portone_called.send(app.extensions["payments"].provider, call=Call("GET /users/pg", 0.1, "200"))
    client.get("/metrics")
    families = text_string_to_metric_families(client.get("/metrics").get_data(as_text=True))
    kinds = {family.name + ("_total" if family.type == "counter" else "") for family in families}
    documented = set(re.findall(r"^\| `(shop_\w+)`", (ROOT / "docs" / name).read_text(), re.MULTILINE))
    assert documented == {kind for kind in kinds if kind.startswith("shop_")}
