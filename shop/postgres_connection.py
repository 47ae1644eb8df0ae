"""Connections to PostgreSQL that do not wait for a response for ever."""

import time
from typing import Any

import psycopg
from psycopg.errors import ConnectionTimeout, _WaitTimeout

RETRY_SECONDS = 5  # after a connection attempt without a response, further ones fail at once for this long


class BoundedConnection(psycopg.Connection[Any]):
    """Connection that is closed when the server does not finish a statement within `response_seconds`."""

    response_seconds: float | None = None  # None: as long as it takes

    def wait(self, gen: Any, *args: Any, **options: Any) -> Any:
        try:
            return super().wait(gen, *args, **{"timeout": self.response_seconds, **options})
        except _WaitTimeout:
            self.close()  # its statement may still run, so SQLAlchemy must replace this connection
            raise psycopg.OperationalError(f"no response within {self.response_seconds} seconds") from None


class Connector:
    """Opens the connections of one engine.

    While PostgreSQL does not respond, each attempt would hold a thread for seconds, and enough visitors would
    hold all of them. So after one such attempt only one in RETRY_SECONDS is made; the others fail at once.
    """

    def __init__(self, response_seconds: float) -> None:
        self._response_seconds = response_seconds
        self._next_attempt = 0.0  # 0: the latest attempt was answered

    def connect(self, _dialect: Any, _record: Any, args: Any, options: Any) -> BoundedConnection:
        if self._next_attempt:
            if time.monotonic() < self._next_attempt:
                raise psycopg.OperationalError("PostgreSQL did not respond a moment ago")
            self._next_attempt = time.monotonic() + RETRY_SECONDS
        try:
            connection = BoundedConnection.connect(*args, **options)
        except ConnectionTimeout:
            self._next_attempt = time.monotonic() + RETRY_SECONDS
            raise
        except psycopg.Error:  # refused: PostgreSQL, or its host, responded at once
            self._next_attempt = 0.0
            raise
        self._next_attempt = 0.0
        connection.response_seconds = self._response_seconds
        return connection
