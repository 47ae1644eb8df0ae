"""What may be wrong with a shop's file, in Korean, by the English words of the code.

What TOML's reader and the compiler of regular expressions say themselves stays English.
"""

KO = {
    "is missing": "빠져 있습니다",
    "is missing: the steps that end with the parameters of IMP.request_pay": (
        "빠져 있습니다. IMP.request_pay의 인자까지 가는 단계를 적어 주세요"
    ),
    "is missing: how an answer tells that the order counts as paid": (
        "빠져 있습니다. 주문이 결제된 것을 응답에서 알아보는 방법을 적어 주세요"
    ),
    "must be an address such as http://127.0.0.1:3000": "http://127.0.0.1:3000 같은 주소여야 합니다",
    "more than {most} bytes": "{most}바이트보다 큽니다",
    "not written in UTF-8": "UTF-8로 적혀 있지 않습니다",
    "nested too deeply": "너무 깊이 들어가 있습니다",
    "must be steps: write [[{section}]]": "단계여야 합니다. [[{section}]]로 적어 주세요",
    "at most {most} steps": "단계는 {most}개까지입니다",
    "needs exactly one of {known} with a path": "{known} 가운데 꼭 하나와 경로가 있어야 합니다",
    "must be a path of the shop such as /orders, or a {{name}} that holds one": (
        "/orders 같은 쇼핑몰의 경로, 또는 경로가 담긴 {{이름}}이어야 합니다"
    ),
    "must be a path of the shop such as /orders/{{order}}, or a {{name}} that holds one": (
        "/orders/{{order}} 같은 쇼핑몰의 경로, 또는 경로가 담긴 {{이름}}이어야 합니다"
    ),
    "must be a path of the shop such as /webhook": "/webhook 같은 쇼핑몰의 경로여야 합니다",
    "a request has a form or json, not both": "요청에는 form과 json 가운데 하나만 있습니다",
    "a get has neither form nor json": "get에는 form도 json도 없습니다",
    "names a field of this step's form or json": "이 단계의 form이나 json에 있는 필드의 이름이어야 합니다",
    "a name has small letters, digits and _": "이름에는 영문 소문자, 숫자, _만 씁니다",
    "needs at least one of text, without, pattern, json, status": (
        "text, without, pattern, json, status 가운데 하나는 있어야 합니다"
    ),
    'needs exactly one of run = "command", a step such as post = "/cron", with_clock = true': (
        'run = "명령", post = "/cron" 같은 단계, with_clock = true 가운데 꼭 하나가 있어야 합니다'
    ),
    'must be a list such as ["payments/sync.py sync_payment"]': (
        '["payments/sync.py sync_payment"] 같은 목록이어야 합니다'
    ),
    "must be a table": "표여야 합니다",
    "must be a text": "글자여야 합니다",
    "must be true or false": "true 또는 false여야 합니다",
    "must be a whole number from {low} to {high}": "{low}부터 {high}까지의 정수여야 합니다",
    "a date must stand in quotation marks": "날짜는 따옴표 안에 적습니다",
    "unknown field; known here are {known}": "모르는 필드입니다. 여기서 쓰는 것은 {known}",
    "{{{name}}} has no value here; known are {known}": "{{{name}}}의 값이 여기에는 없습니다. 있는 것은 {known}",
    "no step takes request_pay, nor has a request_pay of its own": (
        "request_pay를 가져오거나 스스로 적는 단계가 없습니다"
    ),
    'needs exactly one group, such as value="([^"]+)"; (?:…) is none': (
        'value="([^"]+)"처럼 괄호가 꼭 하나 있어야 합니다. (?:…)는 세지 않습니다'
    ),
}
