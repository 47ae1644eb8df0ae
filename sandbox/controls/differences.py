"""Behaviour that no public source documents, and what the sandbox does instead; marked UNVERIFIED in the code.

The panel and `docs/sandbox.md` show this list; a test compares them.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Unverified:
    """One undocumented behaviour and what the sandbox does. `switch`: the setting that changes it."""

    ko: str
    en: str
    does_ko: str
    does_en: str
    switch: str | None = None


UNVERIFIED = (
    Unverified(
        "휴대폰에서 결과가 콜백으로 오는지 m_redirect_url로 오는지",
        "whether a phone's result comes to the callback or to m_redirect_url",
        "m_redirect_url로 돌아갑니다",
        "it goes to m_redirect_url",
        "mobile_result",
    ),
    Unverified(
        "콜백 객체의 모양: success가 있는지",
        "the callback's object: whether it has `success`",
        "요즘 SDK 모양이라 success가 없습니다",
        "today's SDK: there is no `success`",
        "callback_shape",
    ),
    Unverified(
        "돌아올 때 주소에 무엇이 붙는지",
        "what is joined to the redirect's address",
        "imp_uid, merchant_uid, imp_success, 실패하면 error_code와 error_msg",
        "imp_uid, merchant_uid, imp_success, and error_code and error_msg for a failure",
        "redirect_query",
    ),
    Unverified(
        "confirm_url을 기다리는 시간: 문서마다 10초, 5초",
        "how long confirm_url may take: one document says 10 seconds, another 5",
        "10초",
        "10 seconds",
        "confirm_timeout",
    ),
    Unverified(
        "±5일을 지난달 결제일에서 세는지 첫 결제일에서 세는지",
        "whether ±5 days are counted from last month's day or from the first one",
        "지난달 결제일에서 셉니다",
        "from last month's day",
        "anchor",
    ),
    Unverified(
        "예약 목록의 모양: 스키마는 배열, 공식 클라이언트들은 {total, previous, next, list}",
        "the lists of schedules: the schema says array, official clients expect {total, previous, next, list}",
        "배열입니다",
        "an array",
        "schedule_lists",
    ),
    Unverified(
        "29–31일이 없는 달의 결제일",
        "the day in a month that has no 29th to 31st",
        "그달 마지막 날로 당기고, ±5일은 그달 안에서만 셉니다",
        "its last day; ±5 days never leave the month",
    ),
    Unverified(
        "±5일을 벗어난 청구, 같은 달 두 번째 청구의 코드와 문구",
        "code and text for a charge outside of ±5 days and for the second one in a month",
        "0060 «거래정보 불일치»로 거절합니다",
        "declined with 0060, «거래정보 불일치»",
    ),
    Unverified(
        "again에 이미 쓴 merchant_uid를 보냈을 때의 답",
        "the answer to a used merchant_uid at `again`",
        "HTTP 200, code 1 «이미 주문이 이루어진 건입니다»",
        "HTTP 200, code 1 «이미 주문이 이루어진 건입니다»",
    ),
    Unverified(
        "again에서 구매자 정보를 빼면 어떻게 되는지",
        "what happens at `again` without buyer data",
        "빌링키의 정보를 씁니다. 전화번호의 하이픈은 따지지 않습니다",
        "the key's data are used; hyphens in a number do not count",
    ),
    Unverified(
        "이번 달 결제를 취소하면 빌링키가 죽는지",
        "whether cancelling this month's payment ends the key",
        "다음 달 청구가 0060으로 거절됩니다",
        "next month's charge is declined with 0060",
    ),
    Unverified(
        "빌링키를 지우면 예약도 사라지는지",
        "whether deleting a key revokes its schedules",
        "예약은 남고, 실행될 때 실패합니다",
        "they stay, and fail when they run",
    ),
    Unverified(
        "사전등록 금액과 다를 때, 값의 형이 틀릴 때 브라우저가 받는 코드",
        "the browser's code when the prepared amount or a type differs",
        "SANDBOX_로 시작하는 코드와 자체 문구. 결제창은 열리지 않습니다",
        "a code that begins with SANDBOX_ and a text of its own; the window stays shut",
    ),
    Unverified(
        "301원 미만, buyer_tel이나 name 누락, 원화 아닌 통화, 바이트 초과의 코드와 문구 일부",
        "some codes and texts for under 301 won, a missing buyer_tel or name, another currency, too many bytes",
        "KG의 코드를 모르면 SANDBOX_로 시작하는 코드",
        "a code that begins with SANDBOX_ where KG's is not known",
    ),
    Unverified(
        "취소의 checksum 불일치, 금액 초과, 번호 누락에 대한 답",
        "a cancel with a wrong checksum, too large an amount, or no id",
        "자체 문구로 거절하고 아무것도 취소하지 않습니다",
        "refused in words of its own; nothing is cancelled",
    ),
    Unverified(
        "취소 거절 문구에 KG 코드가 들어가는지",
        "whether KG's code stands in the text of a refused cancel",
        "KG 문구만 괄호에 넣습니다",
        "only KG's text, in brackets",
    ),
    Unverified(
        "잘못된 파라미터의 HTTP 상태와 code",
        "HTTP status and code for a bad parameter",
        "HTTP 400, code -1, «[샌드박스] … 파라메터를 확인하세요.»",
        "HTTP 400, code -1, «[샌드박스] … 파라메터를 확인하세요.»",
    ),
    Unverified(
        "호출 제한(429)과 서버 오류(5xx)의 본문",
        "the body of 429 and of 5xx",
        "code -1, HTTP 상태의 영어 이름, response는 null. HTML로도 바꿀 수 있습니다",
        "code -1, the HTTP status in words, response null; a fault can ask for HTML",
    ),
    Unverified(
        "조회 기간 90일 초과, 100건 초과, 마지막을 넘는 쪽에 대한 답",
        "windows over 90 days, more than 100 ids, a page past the end",
        "HTTP 400 또는 404와 자체 문구",
        "HTTP 400 or 404 and a text of its own",
    ),
    Unverified(
        "마지막 60초에 다시 받은 토큰이 언제까지 사는지",
        "until when a token lives that was asked for again in its last minute",
        "원래 만료에서 5분 뒤까지",
        "five minutes from its old end",
    ),
    Unverified(
        "pg_tid, apply_num, receipt_url의 실제 값",
        "the real values of pg_tid, apply_num and receipt_url",
        "pg_tid는 숫자 19자리, 나머지는 비어 있습니다",
        "pg_tid has nineteen digits, the others are empty",
    ),
    Unverified(
        "구매자가 결제창을 닫았을 때의 코드",
        "the code when a buyer closes the window",
        "F400 «사용자가 결제를 취소하였습니다»",
        "F400 «사용자가 결제를 취소하였습니다»",
    ),
    Unverified(
        "신모듈이 digital 없이 열리는지, 최소 금액이 얼마인지",
        "whether the new module opens without `digital`, and its smallest amount",
        "digital 없이도 열리고, 100원부터 받습니다",
        "it opens without, and takes 100 won and more",
    ),
    Unverified(
        "신모듈의 다음 달 결제: 같은 금액, 같은 날, ±5일인지",
        "the new module's later months: whether amount and day must stay, ±5 days",
        "구모듈과 같은 KG의 규칙을 지킵니다",
        "KG's rules hold, as for the old module",
    ),
    Unverified(
        "신모듈의 취소 규칙",
        "how the new module cancels",
        "구모듈처럼 결제한 달에 전액만",
        "as the old one: the whole amount, in the month of the payment",
    ),
    Unverified(
        "신모듈이 거절할 때의 코드와 문구",
        "codes and texts of the new module's refusals",
        "구모듈과 같은 코드, 모르면 SANDBOX_로 시작하는 코드",
        "the old one's, or a code that begins with SANDBOX_",
    ),
    Unverified(
        "발급 권한이 없는 서비스 ID로 결제했을 때 결제 정보의 customer_uid",
        "the payment's customer_uid when the service id may not issue keys",
        "보낸 값이 그대로 있고, 빌링키 조회만 없다고 답합니다",
        "what was sent stands there; only the key's look-up says that there is none",
    ),
    Unverified(
        "통신사가 결제를 되돌렸을 때의 사유와 웹훅",
        "reason and webhook when the carrier reverses a payment",
        "자체 문구, 웹훅을 보냅니다",
        "a text of its own; a webhook is sent",
    ),
)
