"""The wiring: what a fresh start makes, and that the two apps reach each other without sockets."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from flask import Flask

from app import close_app, create_app, settings_from_environment
from payments.database import db
from payments.portone.client import PortOne
from payments.portone.report import NotFound
from shop.config import load_settings
from shop.orders.models import Product, User
from tests.conftest import NOBODY_ANSWERS, create_shop

ROOT = Path(__file__).parents[1]
WHOLE_LINE = "LOG_FORMAT=json\n"  # of an .env file


def close_all(app: Flask) -> None:
    close_app(app)


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


@pytest.mark.slow
def test_several_processes_that_start_at_once_seed_once(tmp_path: Path) -> None:
    assert start_at_once(NOBODY_ANSWERS, [tmp_path] * 3) == [0, 0, 0]
    app = create_shop(load_settings(NOBODY_ANSWERS, tmp_path))
    with app.app_context():
        assert db.session.query(Product).count() == 14
        assert db.session.query(User).count() == 2
    close_app(app)


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
    provider: PortOne = app.extensions["payments"].provider
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


def test_a_public_demo_and_its_sandbox_share_keys_that_are_not_the_published_ones(tmp_path: Path) -> None:
    demo = {"PUBLIC_URL": "https://demo.example", "SANDBOX_CONTROLS_TOKEN": "9a8b7c6d5e4f3a2b1c0d"}
    app = create_app(load_settings(demo, tmp_path))
    published = {"imp_key": "imp_apikey", "imp_secret": "sandbox_secret"}
    assert app.test_client().post("/sandbox/users/getToken", json=published).status_code == 401
    provider: PortOne = app.extensions["payments"].provider
    with pytest.raises(NotFound):  # not Unauthorized
        provider.get_payment("imp_1")
    close_all(app)


def test_a_sandbox_elsewhere_is_not_mounted(app: Flask) -> None:
    assert "sandbox" not in app.extensions
    assert app.test_client().get("/sandbox/v1/iamport.js").status_code == 404


def test_the_instance_folder_can_be_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTANCE_PATH", str(tmp_path / "kept"))
    settings = settings_from_environment()
    assert settings.instance_path == tmp_path / "kept"
    assert settings.database_url == f"sqlite:///{tmp_path}/kept/shop.sqlite3"


# --- a start with wrong settings --------------------------------------------------------------------------------------

HALF = {"PORTONE_API_KEY": "1234567890123456"}
GUNICORN = Path(sys.executable).with_name("gunicorn")
ENOUGH_SECONDS = 60  # to end; a server that starts its workers again and again would go on


def started(command: list[object], folder: Path, *, cwd: Path = ROOT, **more: str) -> subprocess.CompletedProcess[str]:
    environ = os.environ | {"INSTANCE_PATH": str(folder), "PORT": "0", "PYTHONPATH": str(ROOT)} | more
    return subprocess.run(
        command, cwd=cwd, env=environ, capture_output=True, text=True, check=False, timeout=ENOUGH_SECONDS
    )


@pytest.mark.parametrize(
    "command",
    [
        pytest.param([sys.executable, "app.py"], id="app.py"),
        pytest.param([sys.executable, "-m", "flask", "run"], id="flask run"),
        pytest.param([sys.executable, "-m", "flask", "bill"], id="flask bill"),
    ],
)
def test_a_half_configured_shop_does_not_start_and_says_in_one_line_what_is_missing(
    command: list[object], tmp_path: Path
) -> None:
    run = started(command, tmp_path, **HALF)
    assert run.returncode == 1
    [line] = run.stderr.splitlines()
    assert line.startswith("PORTONE_API_KEY is set but not PORTONE_IMP_CODE")


APP, FLASK = [sys.executable, "app.py"], [sys.executable, "-m", "flask", "sync"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "status", "name", "value"),
    [
        pytest.param(APP, 1, "INSTANCE_PATH", "{file}", id="app.py, a file as folder"),
        pytest.param(FLASK, 1, "INSTANCE_PATH", "{file}", id="flask, a file as folder"),
        pytest.param([GUNICORN], 4, "INSTANCE_PATH", "{file}", id="gunicorn, a file as folder"),
        pytest.param(APP, 1, "INSTANCE_PATH", "{file}/below", id="a folder below a file"),
        pytest.param(APP, 1, "INSTANCE_PATH", "/proc", id="a folder that takes no file"),
        pytest.param(APP, 1, "PUBLIC_URL", "http://x:abc", id="app.py, a port that is none"),
        pytest.param(FLASK, 1, "CELERY_BROKER_URL", "foo://x", id="flask, an unknown broker"),
        pytest.param([GUNICORN], 1, "WEB_WORKERS", "abc", id="gunicorn, processes that are no number"),
        pytest.param([GUNICORN], 1, "WEB_WORKERS", "0", id="gunicorn, no process"),
        pytest.param([GUNICORN], 1, "WEB_THREADS", "-1", id="gunicorn, less than no thread"),
        pytest.param([GUNICORN], 1, "PORT", "abc", id="gunicorn, a port that is none"),
    ],
)
def test_a_value_with_which_nothing_can_work_ends_the_start_with_one_sentence_that_names_the_setting(
    command: list[object], status: int, name: str, value: str, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    run = started(command, tmp_path, **{name: value.format(file=tmp_path / "file")})
    assert run.returncode == status
    assert "Traceback" not in run.stderr
    [line] = [line for line in run.stderr.splitlines() if not line.startswith("[")]  # gunicorn's own lines
    assert line.startswith(f"{name} ")


def test_on_windows_the_start_names_the_way_in_both_languages(tmp_path: Path) -> None:
    """There is no `fcntl` there."""
    for module in ("app", "sandbox"):
        run = started([sys.executable, "-c", f"import sys; sys.modules['fcntl'] = None; import {module}"], tmp_path)
        assert run.returncode == 1
        assert "Windows에서는 WSL 2 안에서 실행해 주세요." in run.stderr
        assert "On Windows, run this inside WSL 2" in run.stderr
        assert "Traceback" not in run.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "url",
    ["postgresql://shop:a-password@127.0.0.1:1/shop", "sqlite:////no/such/folder/x.sqlite3", "sqlite://x/y.sqlite3"],
)
def test_a_database_that_cannot_be_used_is_one_line_without_the_password(url: str, tmp_path: Path) -> None:
    run = started([sys.executable, "app.py"], tmp_path, DATABASE_URL=url)
    assert run.returncode == 1
    [line] = [line for line in run.stderr.splitlines() if "alembic" not in line]
    assert line.startswith("DATABASE_URL ")
    assert "a-password" not in run.stderr


def test_gunicorn_gives_up_on_a_half_configured_shop_with_that_line_among_its_own(tmp_path: Path) -> None:
    run = started([GUNICORN], tmp_path, **HALF)
    assert run.returncode == 4  # gunicorn's own status for an app that cannot be loaded
    assert run.stderr.count("PORTONE_API_KEY is set but not PORTONE_IMP_CODE") == 1
    assert "Traceback" not in run.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "command"),
    [
        (f"# 포트원 콘솔에서\n{WHOLE_LINE}".encode("cp949"), ["-c", "import app; app.create_app()"]),
        (f"# 포트원 콘솔에서\n{WHOLE_LINE}".encode("utf-16"), ["-c", "import app; app.create_app()"]),
        (WHOLE_LINE.encode("utf-16-le"), ["-c", "import app; app.create_app()"]),
        (WHOLE_LINE.encode("utf-16-le"), ["app.py"]),
    ],
    ids=["CP949", "UTF-16", "UTF-16 without its mark", "app.py"],
)
def test_an_env_file_that_is_not_utf_8_is_one_line(content: bytes, command: list[object], tmp_path: Path) -> None:
    shutil.copy(ROOT / "app.py", tmp_path)  # it reads the .env beside it
    (tmp_path / ".env").write_bytes(content)
    run = started([sys.executable, *command], tmp_path, cwd=tmp_path)
    assert run.returncode == 1
    [line] = run.stderr.splitlines()
    assert line.startswith(".env ")
    assert "UTF-8" in line
