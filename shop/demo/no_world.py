"""What visitors without a world are told, and who may begin one: pages and JSON of a demo with a shop for each visitor.

worlds.py lets the shop that nobody enters answer these. Its pages use no session, whose cookie would replace that of
the visitor's world.
"""

from flask import Blueprint, Flask, Response, jsonify, make_response, render_template, request
from flask_babel import gettext as _
from werkzeug.exceptions import TooManyRequests

from shop.storefront import rate_limits
from shop.world_settings import HEADER

IS_PAGE = "demo.is_page"  # in the environ: whether a browser opens a page, which it may be asked to open again

bp = Blueprint("no_world", __name__, url_prefix="/demo/no-world")

# By reason: the HTTP status, and after how many seconds to try again.
REFUSALS: dict[str, tuple[int, int | None]] = {
    "unnamed": (400, None),  # neither cookie nor header
    "gone": (404, None),
    "no-cookies": (400, None),
    "forged": (403, None),  # sent by another site
    "grown": (413, None),
    "busy": (429, 1),
    "often": (429, 600),
    "opening": (503, 2),
    "full": (503, 30),
    "broken": (500, None),
}
RELOADS = ("busy", "opening", "full")  # the page tries again by itself


def install(app: Flask) -> None:
    app.register_blueprint(bp)


def may_begin(app: Flask, environ: dict[str, object]) -> bool:
    """Count a new world for this network address, as a sign-up is counted. False: there were too many."""
    with app.request_context(environ):
        try:
            rate_limits.check_sign_up()
        except TooManyRequests:
            return False
    return True


@bp.get("/<reason>")
def refuse(reason: str) -> Response:
    """Say why there is no answer from a world: a page for browsers, JSON for programs, in V1's shape too."""
    status, retry_after = REFUSALS[reason]
    title, message = _words(reason)
    if "text/html" in request.headers.get("Accept", ""):
        response = make_response(render_template("no_world.html", title=title, message=message, reason=reason), status)
        if retry_after and reason in RELOADS and request.environ.get(IS_PAGE):
            response.headers["Refresh"] = str(retry_after)
    else:
        response = jsonify(error=f"world_{reason}", message=message, code=-1, response=None)
        response.status_code = status
    if retry_after:
        response.headers["Retry-After"] = str(retry_after)
    return response


def _words(reason: str) -> tuple[str, str]:
    """Return the title and the sentence of a refusal."""
    words = {
        "unnamed": (
            _("어느 상점인지 알 수 없습니다"),
            _(
                "여기서는 방문자마다 상점을 하나씩 따로 엽니다. 브라우저로 첫 화면을 열면 상점이 만들어집니다."
                " 프로그램은 그 화면에 적힌 키를 %(header)s 헤더로 보내 주세요.",
                header=HEADER,
            ),
        ),
        "gone": (
            _("끝난 상점입니다"),
            _("이 상점은 하루가 지나 지워졌거나 새로 시작되었습니다. 첫 화면을 열면 새 상점이 만들어집니다."),
        ),
        "no-cookies": (
            _("쿠키가 필요합니다"),
            _("방문자의 상점을 쿠키로 구별합니다. 이 주소의 쿠키를 허용하고 다시 열어 주세요."),
        ),
        "forged": (_("허용되지 않는 요청입니다"), _("이 요청은 상점의 화면에서 보낸 것이 아닙니다.")),
        "grown": (
            _("상점이 가득 찼습니다"),
            _("이 상점에 쌓인 기록이 너무 많아 더 저장하지 않습니다. 아래에서 새로 시작해 주세요."),
        ),
        "busy": (
            _("잠시 후 다시 시도해 주세요"),
            _("이 상점에 보낸 요청 여럿이 아직 끝나지 않았습니다. 샌드박스에서 응답을 늦추셨다면 그만큼 걸립니다."),
        ),
        "often": (
            _("잠시 후 다시 시도해 주세요"),
            _("이 네트워크에서 짧은 시간에 상점을 너무 많이 열었습니다. 한 시간 뒤에는 다시 열 수 있습니다."),
        ),
        "opening": (_("상점을 여는 중입니다"), _("여러 분이 한꺼번에 오셨습니다. 곧 저절로 열립니다.")),
        "full": (
            _("지금은 자리가 없습니다"),
            _("열 수 있는 상점이 모두 쓰이고 있습니다. 자리가 나면 저절로 열립니다."),
        ),
        "broken": (_("문제가 생겼습니다"), _("상점을 열지 못했습니다. 잠시 후 다시 시도해 주세요.")),
    }
    return words[reason]
