"""Rendering of HTML pages: language and security headers."""

from typing import Any

from flask import Response, render_template, request

LANGUAGES = ("ko", "en")
POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors {}"


def language(wished: str | None = None) -> str:
    """The language of the query, else `wished`, else the browser's, else Korean."""
    for asked in (request.args.get("lang"), wished):
        short = (asked or "")[:2].lower()
        if short in LANGUAGES:
            return short
    return request.accept_languages.best_match(LANGUAGES) or "ko"


def page(template: str, framed_by: str = "", **facts: Any) -> Response:
    """Render a page. Only the origin `framed_by` may show it in a frame."""
    response = Response(render_template(template, **facts))
    response.headers["Content-Security-Policy"] = POLICY.format(framed_by or "'none'")
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
