"""The operator's commands."""

from pathlib import Path

from flask import Flask
from werkzeug.security import check_password_hash

from app import create_app
from shop.config import load_settings
from shop.database import db
from shop.models import Product, User
from tests.conftest import close
from tests.test_config import LIVE


def test_init_db_and_seed_may_be_run_again_at_any_time(app: Flask) -> None:
    runner = app.test_cli_runner()
    for _ in range(2):
        for command in ("init-db", "seed"):
            assert runner.invoke(args=[command]).exit_code == 0
    with app.app_context():
        assert db.session.query(Product).count() == 14
        assert db.session.query(User).count() == 2


def test_seeding_leaves_what_a_merchant_changed_alone(app: Flask) -> None:
    with app.app_context():
        db.session.query(Product).filter_by(position=0).update({"price": 12_345})
        db.session.commit()
    app.test_cli_runner().invoke(args=["seed"])
    with app.app_context():
        assert db.session.query(Product).filter_by(position=0).one().price == 12_345


def test_with_live_settings_no_demo_account_exists(tmp_path: Path) -> None:
    app = create_app(load_settings(LIVE, tmp_path))
    runner = app.test_cli_runner()
    assert runner.invoke(args=["init-db"]).exit_code == 0
    assert runner.invoke(args=["seed"]).exit_code == 0
    with app.app_context():
        assert db.session.query(Product).count() == 14
        assert db.session.query(User).count() == 0
    close(app)


def test_create_admin_makes_an_operator_once(app: Flask) -> None:
    runner = app.test_cli_runner()
    words = ["create-admin", "--email", "Boss@Example.com", "--password", "a-long-password"]
    assert runner.invoke(args=words).exit_code == 0
    again = runner.invoke(args=words)
    assert again.exit_code == 1
    assert "has an account already" in again.output
    with app.app_context():
        boss = db.session.query(User).filter_by(email="boss@example.com").one()
        assert boss.role == "operator"
        assert check_password_hash(boss.password_hash, "a-long-password")


def test_create_admin_refuses_a_short_password(app: Flask) -> None:
    refused = app.test_cli_runner().invoke(args=["create-admin", "--email", "b@example.com", "--password", "short"])
    assert refused.exit_code == 2
    assert "at least 8" in refused.output
