"""What visitors without a world are told, and who may begin one: pages and JSON of a demo with a shop for each visitor.

worlds.py lets the shop that nobody enters answer these. Its pages use no session, whose cookie would replace that of
the visitor's world.
"""

from flask import Blueprint, Flask, Response, jsonify, make_response, render_template, request
from flask_babel import lazy_gettext as _l
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
    "full": (503, 3),
    "no-space": (503, 60),
    "broken": (500, None),
}
RELOADS = ("busy", "opening", "full")  # the page tries again by itself

# By reason: the title and the sentence.
WORDS = {
    "unnamed": (
        _l("어느 상점인지 알 수 없습니다"),
        _l(
            "여기서는 방문자마다 상점을 하나씩 따로 엽니다. 브라우저로 첫 화면을 열면 상점이 만들어집니다."
            " 프로그램은 그 화면에 적힌 키를 %(header)s 헤더로 보내 주세요.",
            header=HEADER,
        ),
    ),
    "gone": (
        _l("끝난 상점입니다"),
        _l("이 상점은 하루가 지나 지워졌거나 새로 시작되었습니다. 첫 화면을 열면 새 상점이 만들어집니다."),
    ),
    "no-cookies": (
        _l("쿠키가 필요합니다"),
        _l("방문자의 상점을 쿠키로 구별합니다. 이 주소의 쿠키를 허용하고 다시 열어 주세요."),
    ),
    "forged": (_l("허용되지 않는 요청입니다"), _l("이 요청은 상점의 화면에서 보낸 것이 아닙니다.")),
    "grown": (
        _l("상점이 가득 찼습니다"),
        _l("이 상점에 쌓인 기록이 너무 많아 더 저장하지 않습니다. 아래에서 새로 시작해 주세요."),
    ),
    "no-space": (
        _l("지금은 저장할 자리가 없습니다"),
        _l(
            "이 서버의 디스크가 거의 찼습니다. 상점을 둘러볼 수는 있지만 저장하거나 새로 만들지 못합니다."
            " 오래된 상점이 지워지면 다시 됩니다."
        ),
    ),
    "busy": (
        _l("잠시 후 다시 시도해 주세요"),
        _l("이 상점에 보낸 요청 여럿이 아직 끝나지 않았습니다. 샌드박스에서 응답을 늦추셨다면 그만큼 걸립니다."),
    ),
    "often": (
        _l("상점을 너무 많이 열었습니다"),
        _l("이 네트워크에서 짧은 시간에 연 상점이 너무 많습니다. 한 시간 뒤에는 다시 열 수 있습니다."),
    ),
    "opening": (_l("상점을 여는 중입니다"), _l("여러 분이 한꺼번에 오셨습니다. 곧 저절로 열립니다.")),
    "full": (
        _l("지금은 자리가 없습니다"),
        _l("열 수 있는 상점이 모두 쓰이고 있습니다. 자리가 나면 저절로 열립니다."),
    ),
    "broken": (_l("문제가 생겼습니다"), _l("상점을 열지 못했습니다. 잠시 후 다시 시도해 주세요.")),
}


def install(app: Flask) -> None:
    app.register_blueprint(bp)
    app.add_url_rule("/robots.txt", view_func=robots)
    app.add_url_rule("/favicon.ico", view_func=no_icon)


def robots() -> Response:
    """Ask crawlers to stay away: every page is one visitor's."""
    return Response("User-agent: *\nDisallow: /\n", mimetype="text/plain")


def no_icon() -> Response:
    """Answer what browsers ask for without being told to; pages name their own icon."""
    return Response("Not Found\n", 404, mimetype="text/plain")


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
    title, message = map(str, WORDS[reason])
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
