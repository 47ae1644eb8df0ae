"""Texts of the attack lab's page, in Korean and English; those of its cases are in `check/`."""

LAB_TEXTS: dict[str, dict[str, str]] = {
    "ko": {
        "lab": "공격 실험실",
        "lab_lead": (
            "단추를 누르면 진짜로 실행됩니다. 임시 구매자로 가입해, 실행 중인 쇼핑몰의 공개된 주소를 HTTP로 호출하고,"
            " 주고받은 내용을 그대로 보여 줍니다. portone-sandbox check가 하는 것과 같은 점검입니다."
        ),
        "attack": "해 보기",
        "attack_all": "모두 해 보기 (시계·오류 점검 제외)",
        "attacking_all": "{number}/{all} 해 보는 중…",
        "all_passed": "{all}개 모두 통과 (시계·오류 점검 제외)",
        "not_all_passed": "{all}개 가운데 통과 {ok}, 뚫림 {broken}, 못 해 봄 {unplayable}, 설명 없음 {not_described}",
        "attacking": "해 보는 중…",
        "head_ok": "통과했습니다.",
        "head_refused": "막았습니다.",
        "head_broken": "뚫렸습니다!",
        "head_not_described": "설명 없음.",
        "undescribed": "쇼핑몰의 파일에 이 점검에 필요한 것이 적혀 있지 않습니다.",
        "refused_by": "막은 함수",
        "steps_shown": "주고받은 내용",
        "apart": "시계를 옮기거나 오류를 주입하는 점검",
        "apart_hint": (
            "모두의 시계가 앞으로 가거나, 그 결제의 조회가 잠시 고장 납니다. 시계는 되돌아오지 않고,"
            " 가는 길의 결제일마다 모든 구독이 결제됩니다. 오류는 점검이 끝나면 남지 않습니다."
        ),
        "if_all_fail": "모두 실패하면 쇼핑몰이 이 샌드박스를 부르는지 보세요.",
        "shop_trouble": "쇼핑몰이 응답하지 않아 끝내지 못했습니다:",
        "no_shop": (
            "이 샌드박스는 쇼핑몰의 주소와 사는 방법을 모릅니다. --shop http://… 과 --shop-file shop.toml로 알려 주면"
            " 여기서 해 볼 수 있습니다."
        ),
    },
    "en": {
        "lab": "Attack lab",
        "lab_lead": (
            "A button plays its case for real: it signs up as a temporary buyer, calls the public addresses of"
            " the running shop over HTTP, and shows the requests and answers. portone-sandbox check plays the same."
        ),
        "attack": "Play",
        "attack_all": "Play them all (but clock and error cases)",
        "attacking_all": "Playing {number}/{all}…",
        "all_passed": "All {all} passed (clock and error cases were not played)",
        "not_all_passed": (
            "Of {all}: {ok} passed, {broken} broken, {unplayable} not playable, {not_described} not described"
        ),
        "attacking": "Playing…",
        "head_ok": "Passed.",
        "head_refused": "Refused.",
        "head_broken": "Broken!",
        "head_not_described": "Not described.",
        "undescribed": "The shop's file does not describe what this case needs.",
        "refused_by": "Refused by",
        "steps_shown": "Requests and answers",
        "apart": "Cases that move the clock or inject errors",
        "apart_hint": (
            "Everybody's clock goes on, or looking up the case's own payment fails for a while. The clock never goes"
            " back, and every subscription is charged on the way. No error stays behind."
        ),
        "if_all_fail": "If every case fails, see whether the shop calls this sandbox.",
        "shop_trouble": "It could not be finished, because the shop did not respond as expected:",
        "no_shop": (
            "This sandbox knows neither the shop's address nor how to buy there. Start it with --shop http://… and"
            " --shop-file shop.toml to play from here."
        ),
    },
}
