"""The databases and brokers that the other tests stand on are real."""

import psycopg
import redis

from app import close_app
from shop.config import load_settings
from tests.conftest import NOBODY_ANSWERS, create_shop


def test_postgresql_is_real_migrated_and_seeded(postgres_url: str, tmp_path) -> None:
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT version()").fetchone()[0].startswith("PostgreSQL")
        assert connection.execute("SELECT count(*) FROM products").fetchone() == (14,)
    app = create_shop(load_settings(NOBODY_ANSWERS | {"DATABASE_URL": postgres_url}, tmp_path))
    assert "달 머그컵" in app.test_client().get("/").get_data(as_text=True)
    close_app(app)


def test_redis_is_real(redis_url: str) -> None:
    client = redis.Redis.from_url(redis_url)
    assert client.set("answer", 42)
    assert client.get("answer") == b"42"
    client.close()
