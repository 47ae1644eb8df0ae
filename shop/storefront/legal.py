"""What must a buyer be able to read before agreeing? Terms, privacy, withdrawal and refunds.

The texts are examples and say so: a shop that sells for real puts its own there, looked over by a lawyer.
"""

from flask import Blueprint, render_template

bp = Blueprint("legal", __name__)


@bp.get("/terms")
def terms() -> str:
    """Show the terms of use (이용약관)."""
    return render_template("legal/terms.html")


@bp.get("/privacy")
def privacy() -> str:
    """Show what is done with personal data (개인정보처리방침)."""
    return render_template("legal/privacy.html")


@bp.get("/refund")
def refund() -> str:
    """Show how to withdraw, cancel and end (청약철회·취소·환불)."""
    return render_template("legal/refund.html")
