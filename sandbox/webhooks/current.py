"""The database and the webhook sender of the sandbox that serves the current request."""

from flask import current_app

from ..ledger.database import Database
from .sender import Sender


def database() -> Database:
    found: Database = current_app.extensions["sandbox"].database
    return found


def sender() -> Sender:
    found: Sender = current_app.extensions["sandbox"].sender
    return found
