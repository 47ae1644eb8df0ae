"""Which security headers does every page of the shop carry?

No page holds an inline script, style or handler, so the policy can forbid them all. The payment window is a popup of
PortOne's: `same-origin` as opener policy would cut its way back to us.
"""

from urllib.parse import urlsplit

from flask import Flask, Response

from .config import Settings


def install(app: Flask, settings: Settings) -> None:
    """Add the headers to every answer of `app`."""
    policy = content_security_policy(settings)
    # Nobody can see the live payment window before going live, so there the policy reports instead of refusing.
    policy_header = "Content-Security-Policy-Report-Only" if settings.live else "Content-Security-Policy"

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers[policy_header] = policy
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin-allow-popups"
        response.headers["Referrer-Policy"] = "same-origin"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["X-Frame-Options"] = "DENY"
        return response


def content_security_policy(settings: Settings) -> str:
    """The policy: everything from here; scripts, frames and calls also to and from the SDK's server."""
    parts = urlsplit(settings.sdk_url)
    sdk = f"{parts.scheme}://{parts.netloc}"
    return "; ".join(
        [
            "default-src 'self'",
            f"script-src 'self' {sdk}",
            f"connect-src 'self' {sdk}",
            f"frame-src 'self' {sdk}",
            "img-src 'self' data:",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ]
    )
