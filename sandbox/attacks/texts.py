"""Texts of the attack lab, in Korean and English: titles, descriptions, reasons, steps."""

LAB_TEXTS: dict[str, dict[str, str]] = {
    "ko": {
        "lab": "공격 실험실",
        "lab_lead": (
            "단추를 누르면 공격이 진짜로 실행됩니다. 임시 구매자로 가입해, 실행 중인 쇼핑몰의 공개된 주소를"
            " HTTP로 호출하고, 주고받은 내용을 그대로 보여 줍니다."
        ),
        "attack": "공격하기",
        "attack_all": "모두 공격하기",
        "attacking": "공격하는 중…",
        "refused_because": "막았습니다.",
        "broken": "뚫렸습니다! 쇼핑몰이 이 공격을 막지 못했습니다.",
        "refused_by": "막은 함수",
        "steps_shown": "주고받은 내용",
        "shop_trouble": "쇼핑몰이 응답하지 않아 공격을 끝내지 못했습니다:",
        "no_shop": "이 샌드박스는 쇼핑몰의 주소를 모릅니다. --shop http://… 으로 알려 주면 여기서 공격할 수 있습니다.",
        "step_cart": "상품을 장바구니에 담습니다",
        "step_checkout": "결제 단추를 누릅니다",
        "step_open_cheap": "결제창을 301원으로 엽니다",
        "step_pay_once": "이번에는 정직하게 결제합니다",
        "step_claim_other": "다른 주문에 그 imp_uid를 내밉니다",
        "step_declined": "한도가 찬 번호로 결제합니다",
        "step_claim_success": "성공했다고 알립니다",
        "step_window": "결제창만 열어 둡니다",
        "step_forge_webhook": "포트원인 척 «paid»를 보냅니다",
        "step_forge_redirect": "돌아오는 주소를 손으로 적습니다",
        "step_peek": "다른 회원이 주문 주소를 엽니다",
        "step_peek_nobody": "로그인하지 않은 사람이 엽니다",
        "step_many": "같은 웹훅을 한꺼번에 보냅니다",
        "step_minus": "−3개를 담습니다",
        "step_look": "주문이 어떻게 되었는지 봅니다",
        "title_changed-price": "브라우저에서 가격 바꾸기",
        "story_changed-price": "개발자 도구로 결제 금액을 301원으로 고칩니다.",
        "because_changed-price": (
            "가격은 서버의 상품표에서 나오고, 브라우저가 보낸 금액은 읽지도 않습니다. 결제창을 열기 전에 금액을"
            " 사전등록해 두었기 때문에 다른 금액으로는 결제창이 열리지 않습니다."
        ),
        "title_replayed-payment": "결제 하나로 주문 두 개",
        "story_replayed-payment": "한 번 결제한 imp_uid를 값이 같은 다른 주문에 다시 내밉니다.",
        "because_replayed-payment": (
            "조회한 결제 안의 merchant_uid가 어느 주문의 돈인지 정합니다. 내민 주문과 다르므로 그 주문은 그대로입니다."
        ),
        "title_failed-payment": "실패한 결제를 성공이라고 하기",
        "story_failed-payment": "금액도 주문번호도 맞지만 KG가 거절한 결제를, 성공했다고 알립니다.",
        "because_failed-payment": (
            "브라우저의 말은 어느 결제를 조회할지 알려 줄 뿐입니다. 조회 결과가 failed이면 주문은 열리지 않습니다."
        ),
        "title_forged-webhook": "가짜 웹훅",
        "story_forged-webhook": "아무나 웹훅 주소에 «결제되었다»고 보냅니다.",
        "because_forged-webhook": (
            "웹훅 본문은 믿지 않습니다. 포트원에 직접 조회해 보니 아직 결제되지 않아 장부가 바뀌지 않습니다."
        ),
        "title_forged-redirect": "imp_success=true 적어 넣기",
        "story_forged-redirect": "휴대폰 결제가 끝나고 돌아오는 주소를 손으로 만들어 엽니다.",
        "because_forged-redirect": "주소에 적힌 성공은 힌트일 뿐입니다. 조회한 상태가 ready이므로 주문은 그대로입니다.",
        "title_strangers-order": "남의 주문 훔쳐보기",
        "story_strangers-order": "주문 주소의 숫자를 바꿔 남의 주문을 열어 봅니다.",
        "because_strangers-order": "주문은 주인에게만 보입니다. 남에게는 있는지조차 알려 주지 않고 404로 답합니다.",
        "title_duplicate-webhooks": "같은 웹훅 한꺼번에 보내기",
        "story_duplicate-webhooks": "진짜 결제 하나를 여덟 개의 웹훅이 동시에 알립니다. 상품도 여덟 번 나갈까요?",
        "because_duplicate-webhooks": (
            "상태는 조건이 붙은 UPDATE 한 번으로만 바뀝니다. 이긴 하나만 주문을 열고, 나머지는 «이미 기록됨»입니다."
        ),
        "title_negative-quantity": "마이너스 수량",
        "story_negative-quantity": "수량을 −3으로 보내 합계를 깎아 봅니다.",
        "because_negative-quantity": "수량은 0 이상의 정수여야 합니다. 아니면 장바구니에 닿기 전에 400입니다.",
    },
    "en": {
        "lab": "Attack lab",
        "lab_lead": (
            "A button plays its attack for real: it signs up as a temporary buyer, calls the public addresses of"
            " the running shop over HTTP, and shows the requests and responses."
        ),
        "attack": "Attack",
        "attack_all": "Run all attacks",
        "attacking": "Attacking…",
        "refused_because": "Refused.",
        "broken": "Not refused! The shop did not withstand this attack.",
        "refused_by": "Refused by",
        "steps_shown": "Requests and responses",
        "shop_trouble": "The attack could not be finished, because the shop did not respond as expected:",
        "no_shop": "This sandbox does not know the shop's address. Start it with --shop http://… to attack from here.",
        "step_cart": "Something goes into the cart",
        "step_checkout": '"Pay" is pressed',
        "step_open_cheap": "The window is asked for 301 won",
        "step_pay_once": "This time it is paid honestly",
        "step_claim_other": "That imp_uid is shown for another order",
        "step_declined": "Paid with a number whose limit is used up",
        "step_claim_success": "The page says that it worked",
        "step_window": "The window is only opened",
        "step_forge_webhook": 'Somebody posts "paid", as if PortOne',
        "step_forge_redirect": "The address of the way back is typed by hand",
        "step_peek": "Another buyer opens the order's address",
        "step_peek_nobody": "So does somebody who is not signed in",
        "step_many": "The same webhook many times at once",
        "step_minus": "Minus three go into the cart",
        "step_look": "How the order stands now",
        "title_changed-price": "The price changed in the browser",
        "story_changed-price": "The developer tools turn the amount into 301 won.",
        "because_changed-price": (
            "The price comes from the server's own table, and an amount from the browser is not even read. It was"
            " registered with PortOne beforehand, so the window does not open for another one."
        ),
        "title_replayed-payment": "One payment, two orders",
        "story_replayed-payment": "The imp_uid of a payment is shown again, for another order of the same price.",
        "because_replayed-payment": (
            "The merchant_uid inside the payment that was looked up says whose money it is. It is not this order's."
        ),
        "title_failed-payment": "A failed payment called a success",
        "story_failed-payment": "Amount and order are right, but KG declined. The page claims success.",
        "because_failed-payment": (
            "What a browser says only tells which payment to look up. The look-up says failed, so the order stays shut."
        ),
        "title_forged-webhook": "A forged webhook",
        "story_forged-webhook": 'Anybody posts "it is paid" to the webhook\'s address.',
        "because_forged-webhook": (
            "The body is not believed. PortOne itself is asked, says that nothing was paid, and the books stay."
        ),
        "title_forged-redirect": "imp_success=true, typed by hand",
        "story_forged-redirect": "The address that a phone comes back to is made up and opened.",
        "because_forged-redirect": "A success in an address is only a hint. The payment is ready, so the order stays.",
        "title_strangers-order": "Peeking at another's order",
        "story_strangers-order": "The number in an order's address is changed.",
        "because_strangers-order": "An order is shown to its owner. Nobody else learns that it exists: 404.",
        "title_duplicate-webhooks": "The same webhook many times",
        "story_duplicate-webhooks": "Eight webhooks tell of one real payment at once. Is it delivered eight times?",
        "because_duplicate-webhooks": (
            "A state is changed by one guarded UPDATE only. One wins and honours the order; the others find it done."
        ),
        "title_negative-quantity": "A negative quantity",
        "story_negative-quantity": "A quantity of −3 is sent, to bring the sum down.",
        "because_negative-quantity": "A quantity is made of digits only; anything else is a 400 before it gets near.",
    },
}
