"""`/openapi.json`: what the sandbox answers, for tools that read OpenAPI. Its text is the file `openapi.json`."""

import json
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, current_app, request

bp = Blueprint("description", __name__)

DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parent / "openapi.json").read_text())


@bp.get("/openapi.json")
def openapi() -> Response:
    """The description, with this sandbox's version and the path at which it is mounted."""
    info = DOCUMENT["info"] | {"version": current_app.config["SANDBOX_VERSION"]}
    served = DOCUMENT | {"info": info, "servers": [{"url": request.script_root or "/"}]}
    return Response(json.dumps(served, ensure_ascii=False), content_type="application/json")
