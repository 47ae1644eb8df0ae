"""The sandbox of a shop that others reach: REST keys of its own, and calls to nobody but that shop."""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pytest_httpserver import HTTPServer

from sandbox import Sandbox, create_sandbox, server
from sandbox.ledger.kg import Declined
from sandbox.ledger.merchant import API_KEY, API_SECRET
from sandbox.webhooks.reach import Reach
from tests.sandbox.conftest import pay, payments_of
from tests.sandbox.driver import driven

PUBLIC = "https://demo.example"
TOKEN = "9a8b7c6d5e4f3a2b1c0d"


@pytest.fixture
def public(tmp_path: Path) -> Iterator[Flask]:
    app = create_sandbox(tmp_path / "sandbox.sqlite3", shop_origin=PUBLIC, start_worker=False, webhook_hosts=())
    yield app
    app.extensions["sandbox"].close()


def status_of_token(app: Flask, key: str, secret: str) -> int:
    return app.test_client().post("/users/getToken", json={"imp_key": key, "imp_secret": secret}).status_code


def kept_keys(folder: Path) -> tuple[str, str]:
    key, secret = (folder / "sandbox_keys").read_text().split()
    return key, secret


# --- REST keys ---


@pytest.mark.parametrize("origin", [None, "http://127.0.0.1:5000", "http://localhost:5000", "http://[::1]:5000"])
def test_on_this_machine_the_published_keys_work_and_no_others_are_made(origin: str | None, tmp_path: Path) -> None:
    app = create_sandbox(tmp_path / "sandbox.sqlite3", shop_origin=origin, start_worker=False)
    assert status_of_token(app, API_KEY, API_SECRET) == 200
    assert not (tmp_path / "sandbox_keys").exists()


@pytest.mark.parametrize("origin", [PUBLIC, "http://demo.example:8080", "http://192.168.0.10:5000"])
def test_elsewhere_the_deployment_has_keys_of_its_own_made_once_and_kept(origin: str, tmp_path: Path) -> None:
    app = create_sandbox(tmp_path / "sandbox.sqlite3", shop_origin=origin, start_worker=False)
    assert status_of_token(app, API_KEY, API_SECRET) == 401
    key, secret = kept_keys(tmp_path)
    assert len(secret) >= 32
    assert stat.S_IMODE((tmp_path / "sandbox_keys").stat().st_mode) == 0o600
    assert status_of_token(app, key, secret) == 200
    restarted = create_sandbox(tmp_path / "sandbox.sqlite3", shop_origin=origin, start_worker=False)
    assert status_of_token(restarted, key, secret) == 200
    assert sorted(path.name for path in tmp_path.glob("sandbox_keys*")) == ["sandbox_keys"]


def test_two_deployments_have_different_keys(tmp_path: Path) -> None:
    for name in ("one", "two"):
        create_sandbox(tmp_path / name / "sandbox.sqlite3", shop_origin=PUBLIC, start_worker=False)
    assert not set(kept_keys(tmp_path / "one")) & set(kept_keys(tmp_path / "two"))


def test_keys_may_be_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_API_KEY", "0123456789abcdef")
    monkeypatch.setenv("SANDBOX_API_SECRET", "a-secret-of-this-deployment")
    for origin in (PUBLIC, None):
        app = create_sandbox(tmp_path / "sandbox.sqlite3", shop_origin=origin, start_worker=False)
        assert status_of_token(app, "0123456789abcdef", "a-secret-of-this-deployment") == 200
        assert status_of_token(app, API_KEY, API_SECRET) == 401
    assert not (tmp_path / "sandbox_keys").exists()


def test_a_token_of_the_published_keys_ends_when_the_shop_goes_public(tmp_path: Path) -> None:
    local = create_sandbox(tmp_path / "sandbox.sqlite3", start_worker=False).test_client()
    granted = local.post("/users/getToken", json={"imp_key": API_KEY, "imp_secret": API_SECRET}).json
    assert granted
    headers = {"Authorization": granted["response"]["access_token"]}
    assert local.get("/users/pg", headers=headers).status_code == 200
    public = create_sandbox(tmp_path / "sandbox.sqlite3", shop_origin=PUBLIC, start_worker=False).test_client()
    assert public.get("/users/pg", headers=headers).status_code == 401


def test_the_server_reads_the_deployments_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTANCE_PATH", str(tmp_path))
    monkeypatch.setenv("PUBLIC_URL", PUBLIC)
    monkeypatch.setenv("SANDBOX_CONTROLS_TOKEN", TOKEN)
    app = server.create()
    assert status_of_token(app, *kept_keys(tmp_path)) == 200
    assert app.test_client().get("/controls/payments").status_code == 401
    app.extensions["sandbox"].close()


@pytest.mark.parametrize("token", ["short", "a" * 20, "changeme"])
def test_the_server_refuses_a_weak_token_by_name(token: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTANCE_PATH", str(tmp_path))
    monkeypatch.setenv("SANDBOX_CONTROLS_TOKEN", token)
    with pytest.raises(ValueError, match="SANDBOX_CONTROLS_TOKEN is too easy to guess"):
        server.create()


# --- calls to others ---


@pytest.mark.parametrize(
    ("origin", "url", "allowed"),
    [
        (None, "http://127.0.0.1:9/hook", True),
        ("http://localhost:5000", "http://127.0.0.1:9/hook", True),
        (PUBLIC, "http://127.0.0.1:9/hook", False),
        (PUBLIC, "http://localhost/hook", False),
        (PUBLIC, "http://[::1]/hook", False),
        (PUBLIC, f"{PUBLIC}/payment/webhook", True),
        (PUBLIC, f"{PUBLIC}:8443/payment/webhook", False),
        (PUBLIC, "http://hooks.example/x", True),
        ("http://192.168.0.10:5000", "http://127.0.0.1:6379/", False),
    ],
)
def test_loopback_is_called_only_while_the_shop_is_there(origin: str | None, url: str, allowed: bool) -> None:
    assert Reach(origin, ["hooks.example"]).allows(url) == allowed


def expect_stopped(app: Flask, confirm_url: str) -> Any:
    sandbox: Sandbox = driven(app)
    with pytest.raises(Declined):
        pay(sandbox, confirm_url=confirm_url)
    [payment] = payments_of(sandbox, "order-1")
    return payment["fail_reason"]


def test_a_public_demo_asks_no_port_of_its_machine_by_confirm_url(public: Flask, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/inside").respond_with_json({"reason": "from inside"}, status=500)
    assert "알 수 없음" in expect_stopped(public, httpserver.url_for("/inside"))
    assert httpserver.log == []


def test_the_answer_of_another_host_is_not_shown_to_the_stranger_who_named_it(
    tmp_path: Path, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/inside").respond_with_json({"reason": "from inside"}, status=500)
    app = create_sandbox(
        tmp_path / "sandbox.sqlite3", shop_origin=PUBLIC, webhook_hosts=["localhost"], start_worker=False
    )
    assert expect_stopped(app, httpserver.url_for("/inside")).endswith("(상세사유 : 알 수 없음)")
    assert len(httpserver.log) == 1


def test_a_webhook_to_loopback_is_not_sent_from_a_public_demo(public: Flask, httpserver: HTTPServer) -> None:
    sandbox = driven(public)
    pay(sandbox, notice_url=httpserver.url_for("/inside"))
    sandbox.flush()
    assert httpserver.log == []


@pytest.fixture
def stranger(public: Flask) -> FlaskClient:
    return public.test_client()


def test_a_stranger_with_the_published_keys_reads_and_cancels_nothing(public: Flask, stranger: FlaskClient) -> None:
    paid = pay(driven(public))
    granted = stranger.post("/users/getToken", json={"imp_key": API_KEY, "imp_secret": API_SECRET}).json or {}
    headers = {"Authorization": (granted["response"] or {}).get("access_token", "none")}
    for path in (f"/payments/{paid['imp_uid']}?include_sandbox=true", "/payments/status/all", "/users/pg"):
        assert stranger.get(path, headers=headers).status_code == 401
    cancel = {"imp_uid": paid["imp_uid"]}
    assert stranger.post("/payments/cancel", json=cancel, headers=headers).status_code == 401
