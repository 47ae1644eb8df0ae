"""The limits of the connection to PostgreSQL."""

import subprocess
import sys
from pathlib import Path

import pytest

from shop.postgres import LIMITS, engine_options


def test_the_limits_are_options_of_every_connection_to_postgresql_and_of_no_other_database() -> None:
    assert engine_options("postgresql+psycopg://shop@db/shop") == {"connect_args": LIMITS}
    assert engine_options("sqlite:///shop.sqlite3") == {}


def test_a_limit_that_the_database_url_names_is_left_to_it() -> None:
    named = engine_options("postgresql+psycopg://shop@db/shop?connect_timeout=9&options=-c%20statement_timeout%3D1s")
    assert named["connect_args"].keys() == LIMITS.keys() - {"connect_timeout", "options"}


@pytest.mark.slow
def test_a_shop_on_sqlite_does_not_load_the_driver_of_postgresql() -> None:
    """It would take a tenth of a worker's memory."""
    program = "import sys, app; sys.exit('psycopg' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2], timeout=120).returncode == 0
