"""Legal pages: terms of use, privacy policy, withdrawal and refunds.

The texts are examples and say so. A live shop replaces them with its own, reviewed by a lawyer.
"""

from flask import Blueprint, render_template

bp = Blueprint("legal", __name__)


@bp.get("/terms")
def terms() -> str:
    """Show the terms of use (이용약관)."""
    return render_template("legal/terms.html")


@bp.get("/privacy")
def privacy() -> str:
    """Show the privacy policy (개인정보처리방침)."""
    return render_template("legal/privacy.html")


@bp.get("/refund")
def refund() -> str:
    """Show the rules of withdrawal, cancellation and refunds (청약철회·취소·환불)."""
    return render_template("legal/refund.html")
