"""Error handlers: JSON below /controls, HTML at the sandbox's other pages, V1's envelope at every other address."""

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from ..ledger.refusals import NO_SUCH_ADDRESS, ApiRefused
from .envelope import refusal
from .rest import require_token

# First segments of the sandbox's own addresses, which PortOne's API does not have. All others are V1's.
OWN = ("", "controls", "window", "static", "v1", "js", "favicon.ico", "openapi.json")


def is_v1(path: str) -> bool:
    """Whether this address is one of PortOne's API, imitated or not."""
    return path.strip("/").partition("/")[0] not in OWN


def install(app: Flask) -> None:
    """Register the handlers. UNVERIFIED: the texts below V1's paths."""

    @app.errorhandler(HTTPException)
    def problem(error: HTTPException) -> Response | HTTPException | tuple[Response, int]:
        if error.code is None or error.code < 400:
            return error
        if is_v1(request.path):
            try:
                require_token()
            except ApiRefused as refused:
                return refusal(refused)
            return refusal(ApiRefused(NO_SUCH_ADDRESS if error.code == 404 else error.name, -1, error.code))
        if request.path.startswith("/controls"):
            return jsonify(error=error.name.lower().replace(" ", "_"), message=error.description), error.code
        return error
