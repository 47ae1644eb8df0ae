"""English texts of the cases: title, what is played, what a merchant loses, and what a right shop does."""

from .case_text import CaseText

EN = {
    "paid-by-callback": CaseText(
        "Paid by callback",
        "It is paid, and only the page's callback arrives.",
        "The money is gone and the order stays unpaid. The buyer pays again, or leaves.",
        "It looks the callback's imp_uid up at PortOne and records that.",
    ),
    "paid-by-redirect": CaseText(
        "Paid by the way back of a phone",
        "It is paid on a phone, and only the way back (m_redirect_url) is opened.",
        "On phones there is no callback, so the payments of all who buy with one vanish. Most buyers do.",
        "It looks up and records at the way back exactly as at the callback.",
    ),
    "paid-by-webhook": CaseText(
        "Paid by webhook alone",
        "It is paid, the window vanishes, and only PortOne's webhook arrives.",
        "Whoever lost the connection in the underground has paid for no order. Support has to find them one by one.",
        "A webhook makes it look up at PortOne and record, though no browser said a word.",
    ),
    "all-at-once": CaseText(
        "All at once, each twice",
        "Callback, way back and webhook arrive at the same moment, each twice.",
        "An order is honoured twice, or they get into each other's way and it is not honoured. It happens daily.",
        "It changes a state by one guarded UPDATE and answers the others that it is recorded.",
    ),
    "declined": CaseText(
        "A declined payment",
        "KG declines it over the limit, and the page says so.",
        "Goods leave for money that never came. The gap shows only at the end of the month.",
        "When the look-up says failed, the order stays shut.",
    ),
    "closed": CaseText(
        "A closed window",
        "The buyer closes the window, and the page says so.",
        "Goods leave for orders that were never paid. That closing the window makes it free is soon known.",
        "It looks up on that news too, and opens the order for paid only.",
    ),
    "late-failure": CaseText(
        "News of a failure after it was paid",
        "It is paid in one window; another window of the order is declined, and that news comes last.",
        "A paid order turns into a failed one. The buyer never gets what was paid for.",
        "A paid order does not change because another imp_uid failed.",
    ),
    "duplicate-window": CaseText(
        "Paid in both windows",
        'One order, "pay" pressed twice, and paid in both windows.',
        "The buyer pays twice for one thing. If nobody notices, the next phone bill brings the complaint.",
        "The order counts as paid once, and the later money is cancelled by itself.",
    ),
    "cancelled-in-console": CaseText(
        "Cancelled in the console",
        "It is paid, the merchant cancels in PortOne's console, and the webhook arrives.",
        "An order whose money went back stays paid, and its goods leave. A subscriber goes on for free.",
        "A webhook makes it look up, and cancelled cancels the order too.",
    ),
    "all-lost": CaseText(
        "A payment nobody heard of",
        "It is paid, neither callback nor webhook arrives, and the sweep runs later.",
        "What is paid in the seconds of a restart is lost for ever. The money is at PortOne, the order nowhere.",
        "A job looks up open payments at PortOne every few minutes.",
    ),
    "changed-price": CaseText(
        "The price changed in the browser",
        "The developer tools turn the window's amount into 301 won; that is paid and the order claimed.",
        "Anybody buys anything for 301 won. The payment is real, so nobody notices until it is too late.",
        "It registers the amount beforehand, and compares the looked-up amount with the order's own.",
    ),
    "price-in-the-order": CaseText(
        "A price sent with the order",
        "The request that orders also says that it costs 301 won.",
        "If the server takes that as the order's amount, comparing amounts is no help. A cheap order looks right.",
        "Prices come from the server's own table; an amount from the browser is not even read.",
    ),
    "negative-quantity": CaseText(
        "A negative quantity",
        "A quantity of −3 is sent, to bring the sum down.",
        "Beside other goods it lowers the total. The stock grows instead of shrinking.",
        "A quantity is a whole number from 1 on; anything else is refused before it gets near the cart.",
    ),
    "replayed-payment": CaseText(
        "One payment, two orders",
        "The imp_uid of a payment is shown again, for another order of the same price.",
        "Money paid once buys any number of times. Every shop that compares amounts only falls for it.",
        "The merchant_uid inside the payment that was looked up says whose money it is. It is not this order's.",
    ),
    "strangers-payment": CaseText(
        "Somebody else's payment",
        "The imp_uid of a payment of the same amount is shown that is of no order of the shop.",
        "A payment for another service of the same PortOne account buys goods here. The money did come, so the books"
        " hardly show it.",
        "It records a payment only if the looked-up merchant_uid is that of the very order.",
    ),
    "failed-payment": CaseText(
        "A failed payment called a success",
        "Amount and order are right, but KG declined. The page claims success=true.",
        "Believing a browser makes everything free. One line in the developer tools is enough.",
        "What a browser says only tells which payment to look up. The look-up says failed, so the order stays shut.",
    ),
    "forged-webhook": CaseText(
        "A forged webhook",
        'Anybody posts "it is paid" to the webhook\'s address.',
        "V1's webhooks have no signature, so anybody can send them. Believing the body gives goods away.",
        "The body is not believed. Only what PortOne itself says is recorded.",
    ),
    "forged-redirect": CaseText(
        "imp_success=true, typed by hand",
        "The address that a phone comes back to is made up and opened.",
        "A few letters in the address bar take goods away. It is the buyer's own address, so no log looks odd.",
        "A success in an address is only a hint. The payment is ready, so the order stays.",
    ),
    "other-channel": CaseText(
        "Paid through a channel of the other kind",
        "Amount and order are right, but it is paid through a channel of another kind (test, live) than the shop's.",
        "Nobody pays for what goes through a test channel. A live shop that takes it gives its goods away.",
        "It compares the payment's sandbox (whether it is a test channel) with its setting, and holds what differs.",
    ),
    "strangers-order": CaseText(
        "Peeking at another's order",
        "The number in an order's address is changed, signed in as somebody else and not signed in.",
        "Names, phone numbers and addresses leak. A leak has to be reported, and fines follow.",
        "An order is shown to its owner. Nobody else learns that it exists: 404.",
    ),
    "duplicate-webhooks": CaseText(
        "The same webhook many times",
        "Eight webhooks tell of one real payment at once.",
        "Goods leave eight times for money that came once, or points are added eight times. PortOne's repeats do it.",
        "A state is changed by one guarded UPDATE only. One wins and honours the order; the others find it done.",
    ),
    "portone-slow": CaseText(
        "A slow PortOne",
        "Looking up takes two seconds.",
        "A shop that stops waiting writes failed. The busier the day, the more orders are lost.",
        "A look-up may take ten seconds, and a late answer is an answer.",
    ),
    "portone-silent": CaseText(
        "A silent PortOne",
        "Looking up gets no answer.",
        "Writing failed for silence loses orders that were paid. Writing paid gives goods away.",
        "It changes nothing and answers 5xx, so that the repeated webhook or a later look-up records it.",
    ),
    "portone-down": CaseText(
        "PortOne is down",
        "Looking up gets 503 and a page of HTML.",
        "All that is paid during an outage is lost, or believed unseen. Either shows only afterwards.",
        "It changes nothing, and records by the repeated webhook or a look-up once PortOne is back.",
    ),
    "portone-busy": CaseText(
        "PortOne says too many calls",
        "Looking up gets 429.",
        "On a crowded day look-ups are refused. Reading that as no such payment loses the busiest hour's orders.",
        "429 is no answer. It leaves everything as it is, and looks up again.",
    ),
    "portone-garbled": CaseText(
        "A broken answer",
        "Looking up gets half of the JSON.",
        "What cannot be read stops the shop, or counts as paid. The buyer sees a white page and pays again.",
        "What cannot be read is no answer. It changes nothing, and looks up again.",
    ),
    "first-month": CaseText(
        "The first month",
        "A billing key is issued, and the monthly run comes right after.",
        "KG charges the first month when it issues the key, so charging right away asks for it twice. It begins with"
        " refunds and complaints.",
        "It records the issuing payment as the first month, and charges nothing more in it.",
    ),
    "second-month": CaseText(
        "The second month",
        "The clock goes to the second month's charge day, and the monthly run comes.",
        "After a skipped month KG's key is dead and stays so. All later sales to that subscriber are lost.",
        "It charges once on the charge day, and records what came of it.",
    ),
    "month-run-twice": CaseText(
        "A monthly run that comes twice",
        "On the charge day the monthly run comes twice within an hour.",
        "One month is charged twice. Overlapping cron jobs do it, or a person who starts it once more.",
        "It saves a row for the month first, and charges no month that is paid.",
    ),
    "month-declined": CaseText(
        "A declined second month",
        "KG declines the second month for an unpaid bill. V1 answers that with code 0.",
        "Reading code 0 as a success lets people use a month that nobody paid. It goes on for months unseen.",
        "It reads the payment's status, not the code; with failed the month stays unpaid.",
    ),
    "month-answer-lost": CaseText(
        "A second month without an answer",
        "The second month is charged, no answer comes but the webhook, and the run comes again.",
        "Charging again because no answer came puts it on the phone bill twice. V1 has no key against that.",
        "It looks up the same merchant_uid first, and charges again only if PortOne says that there is none.",
    ),
    "month-look-up-refused": CaseText(
        "A second month whose look-up is refused",
        "The second month is charged, answer and webhook are lost, and looking up gets 500, 401 and 429.",
        "Reading a refusal as no such payment charges a paid month again. Reading it as no such key ends the plan.",
        "Only PortOne's 404 means absence. All else is no answer, so it waits for the next run.",
    ),
}
