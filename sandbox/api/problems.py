"""Error handlers: V1's envelope below V1's paths, JSON below /controls, HTML elsewhere."""

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from ..ledger.refusals import NO_SUCH_ADDRESS, ApiRefused
from .envelope import refusal

API = ("/payments", "/subscribe", "/users")


def install(app: Flask) -> None:
    """Register the handlers. UNVERIFIED: the texts below V1's paths."""

    @app.errorhandler(HTTPException)
    def problem(error: HTTPException) -> Response | HTTPException | tuple[Response, int]:
        if error.code is None or error.code < 400:
            return error
        if request.path.startswith(API):
            return refusal(ApiRefused(NO_SUCH_ADDRESS if error.code == 404 else error.name, -1, error.code))
        if request.path.startswith("/controls"):
            return jsonify(error=error.name.lower().replace(" ", "_"), message=error.description), error.code
        return error
