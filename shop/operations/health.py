"""Liveness and readiness: `/healthz` and `/readyz`.

Readiness depends on the database alone: while PortOne does not respond, the shop still shows its products and says what
it cannot do. The result of the latest call to PortOne is reported from memory; these checks never call PortOne.
"""

import time
from concurrent.futures import ThreadPoolExecutor

from flask import Blueprint, Flask, Response, current_app, jsonify
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from payments.database import db, end_reading
from payments.signals import Call, portone_called

bp = Blueprint("health", __name__)

PROBE_SECONDS = 2  # less than the time-out of a usual probe


class LastHeard:
    """Result and time of the latest call to PortOne."""

    def __init__(self) -> None:
        self.state = "not_asked"  # ok, refused (our credentials), silent, not_asked
        self._at = 0.0

    def hear(self, _client: object, call: Call) -> None:
        silent = call.result == "no answer" or call.result.startswith("5")
        self.state = "silent" if silent else "refused" if call.result == "401" else "ok"
        self._at = time.monotonic()

    @property
    def seconds_ago(self) -> int | None:
        return round(time.monotonic() - self._at) if self._at else None


def install(app: Flask) -> None:
    heard = LastHeard()
    app.extensions["portone_heard"] = heard  # keeps the listener alive: signals hold weak references
    portone_called.connect(heard.hear, sender=app.extensions["payments"].provider)
    app.extensions["readiness_probe"] = ThreadPoolExecutor(1, "readiness")
    app.register_blueprint(bp)


@bp.get("/healthz", endpoint="healthz")
def alive() -> Response:
    """Respond with 200 as long as this process serves requests."""
    return jsonify(status="alive")


@bp.get("/readyz", endpoint="readyz")
def ready() -> tuple[Response, int]:
    """Respond with 200 if the database responds, else 503; PortOne's state is reported and does not matter here."""
    heard: LastHeard = current_app.extensions["portone_heard"]
    database_answers = _database_answers()
    body = {
        "status": "ready" if database_answers else "not_ready",
        "database": "ok" if database_answers else "silent",
        "portone": {"state": heard.state, "seconds_ago": heard.seconds_ago},
    }
    return jsonify(body), 200 if database_answers else 503


def _database_answers() -> bool:
    """Ask in a thread of its own: however long the database, its host's name or the pool take, this does not wait."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    probe: ThreadPoolExecutor = app.extensions["readiness_probe"]
    try:
        return probe.submit(_ask_database, app).result(timeout=PROBE_SECONDS)
    except TimeoutError:
        return False


def _ask_database(app: Flask) -> bool:
    with app.app_context():
        try:
            db.session.execute(text("SELECT 1"))
            end_reading()
        except SQLAlchemyError:
            db.session.rollback()
            return False
    return True
