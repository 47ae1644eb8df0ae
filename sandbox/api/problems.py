"""What does the sandbox answer to an address or a request that it does not know? Something in the caller's language."""

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from ..ledger.refusals import NO_SUCH_ADDRESS, ApiRefused
from .envelope import refusal

API = ("/payments", "/subscribe", "/users")


def install(app: Flask) -> None:
    """V1's envelope below V1's paths (UNVERIFIED text), a JSON object below /controls, Flask's page elsewhere."""

    @app.errorhandler(HTTPException)
    def problem(error: HTTPException) -> Response | HTTPException | tuple[Response, int]:
        if error.code is None or error.code < 400:
            return error
        if request.path.startswith(API):
            return refusal(ApiRefused(NO_SUCH_ADDRESS if error.code == 404 else error.name, -1, error.code))
        if request.path.startswith("/controls"):
            return jsonify(error=error.name.lower().replace(" ", "_"), message=error.description), error.code
        return error
