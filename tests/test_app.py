"""The wiring: what a fresh start makes, and that the two apps reach each other without sockets."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from flask import Flask

from app import create_app, settings_from_environment
from shop.config import load_settings
from shop.database import db
from shop.models import Product, User
from shop.portone import PortOne
from shop.provider import NotFound
from tests.conftest import NOBODY_ANSWERS, close, create_shop

ROOT = Path(__file__).parents[1]


def close_all(app: Flask) -> None:
    app.extensions["sandbox"].extensions["sandbox"].close()
    close(app)


def test_a_first_start_makes_tables_goods_and_accounts_and_a_second_one_nothing_more(tmp_path: Path) -> None:
    for _ in range(2):
        app = create_app(load_settings({}, tmp_path))
        with app.app_context():
            assert db.session.query(Product).count() == 14
            assert sorted(user.email for user in db.session.query(User)) == ["admin@example.com", "buyer@example.com"]
        close_all(app)


START = (
    "import json, sys; from pathlib import Path; from app import create_app; from shop.config import load_settings\n"
    "create_app(load_settings(json.loads(sys.argv[1]), Path(sys.argv[2])))"
)


def start_at_once(environ: dict[str, str], folders: list[Path]) -> list[int]:
    """How processes ended that started the shop side by side, one in each folder."""
    starts = [
        subprocess.Popen([sys.executable, "-c", START, json.dumps(environ), folder], cwd=ROOT) for folder in folders
    ]
    return [start.wait(timeout=60) for start in starts]


def test_several_processes_that_start_at_once_seed_once(tmp_path: Path) -> None:
    assert start_at_once(NOBODY_ANSWERS, [tmp_path] * 3) == [0, 0, 0]
    app = create_shop(load_settings(NOBODY_ANSWERS, tmp_path))
    with app.app_context():
        assert db.session.query(Product).count() == 14
        assert db.session.query(User).count() == 2
    close(app)


@pytest.mark.slow
def test_several_machines_that_start_at_once_on_an_empty_postgresql_seed_once(postgres: str, tmp_path: Path) -> None:
    """Each has a folder of its own, so no file can be the lock."""
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("CREATE DATABASE empty")
    url = postgres.rpartition("/")[0] + "/empty"
    folders = [tmp_path / str(number) for number in range(3)]
    for folder in folders:
        folder.mkdir()
    assert start_at_once(NOBODY_ANSWERS | {"DATABASE_URL": url}, folders) == [0, 0, 0]
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM products").fetchone() == (14,)
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (2,)


def test_the_shop_reaches_its_sandbox_and_the_sandbox_its_shop_inside_the_process(tmp_path: Path) -> None:
    app = create_app(load_settings({"PORT": "1"}, tmp_path))  # nothing listens on port 1
    provider: PortOne = app.extensions["provider"]
    with pytest.raises(NotFound):
        provider.get_payment("imp_1")
    http = app.extensions["sandbox"].extensions["sandbox"].http
    answer = http.post("http://127.0.0.1:1/payment/webhook", json={"imp_uid": "imp_1"})
    assert answer.json() == {"outcome": "not_found"}
    close_all(app)


def test_the_sandbox_is_served_beside_the_shop(tmp_path: Path) -> None:
    app = create_app(load_settings({}, tmp_path))
    client = app.test_client()
    with client.get("/sandbox/v1/iamport.js") as sdk:
        assert sdk.status_code == 200
    assert client.get("/sandbox/payments/imp_1").status_code == 401
    assert client.get("/").status_code == 200
    close_all(app)


def test_a_sandbox_elsewhere_is_not_mounted(app: Flask) -> None:
    assert "sandbox" not in app.extensions
    assert app.test_client().get("/sandbox/v1/iamport.js").status_code == 404


def test_the_instance_folder_can_be_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTANCE_PATH", str(tmp_path / "kept"))
    settings = settings_from_environment()
    assert settings.instance_path == tmp_path / "kept"
    assert settings.database_url == f"sqlite:///{tmp_path}/kept/shop.sqlite3"


def test_a_half_configured_shop_does_not_start_and_says_in_one_line_what_is_missing(tmp_path: Path) -> None:
    environ = os.environ | {"PORTONE_API_KEY": "1234567890123456", "INSTANCE_PATH": str(tmp_path)}
    run = subprocess.run([sys.executable, "app.py"], cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1
    assert "PORTONE_API_SECRET" in run.stderr
