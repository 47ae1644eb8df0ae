"""Alive, ready, and what is said of PortOne beside it."""

import time
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import close_app, create_app
from payments.portone.report import OutcomeUnknown
from payments.signals import Call, portone_called
from shop.config import load_settings
from tests.shop.test_config import LIVE


def test_alive_says_so_without_asking_anybody(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "alive"}


def test_ready_is_the_database_and_portone_is_told_beside_it(app: Flask, client: FlaskClient) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json == {
        "status": "ready",
        "database": "ok",
        "portone": {"state": "not_asked", "seconds_ago": None},
    }
    for result, state in (("200", "ok"), ("404", "ok"), ("401", "refused"), ("503", "silent"), ("no answer", "silent")):
        portone_called.send(app.extensions["payments"].provider, call=Call("GET /payments/{id}", 0.1, result))
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json and answer.json["portone"]) == (200, {"state": state, "seconds_ago": 0})


def test_a_silent_portone_is_noticed_by_the_call_and_makes_no_probe_wait(app: Flask, client: FlaskClient) -> None:
    with pytest.raises(OutcomeUnknown):
        app.extensions["payments"].provider.get_payment("imp_1")  # nobody answers there
    began = time.monotonic()
    answer = client.get("/readyz")
    assert time.monotonic() - began < 0.5
    assert answer.json
    assert answer.json["portone"]["state"] == "silent"


def test_without_its_database_a_shop_is_alive_and_not_ready(tmp_path: Path) -> None:
    app = create_app(load_settings(LIVE | {"DATABASE_URL": f"sqlite:///{tmp_path}/no/such/folder.sqlite3"}, tmp_path))
    client = app.test_client()
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json
    assert (answer.json["status"], answer.json["database"]) == ("not_ready", "silent")
    close_app(app)
