"""Advice of `flask doctor` on the services in the settings (database, PortOne, webhook, Redis), in both languages."""

from .settings_advice import Words

ADVICE: dict[str, Words] = {
    "database_silent": Words(
        "problem",
        "데이터베이스가 대답하지 않습니다: {message}",
        "DATABASE_URL의 주소·이름·비밀번호와 데이터베이스가 떠 있는지 확인하세요.",
        "The database does not answer: {message}",
        "Check the address, name and password in DATABASE_URL, and that the database runs.",
    ),
    "migrations_behind": Words(
        "problem",
        "테이블이 코드보다 오래됐습니다(지금 {has}, 필요 {needs}).",
        "`flask init-db`를 실행하세요.",
        "The tables are older than the code (they are at {has}, it needs {needs}).",
        "Run `flask init-db`.",
    ),
    "demo_accounts": Words(
        "problem",
        "실제 설정인데 체험 계정 {email}이(가) 있습니다. 비밀번호가 공개되어 있습니다.",
        "체험 데이터베이스를 쓰지 마세요: DATABASE_URL을 새 데이터베이스로 바꾸세요.",
        "Live settings, but the demo account {email} exists, and its password is published.",
        "Do not go live on the demo's database: point DATABASE_URL at a new one.",
    ),
    "key_channel": Words(
        "problem",
        "쓰고 있는 빌링키 {count}개가 {is} 채널에서 발급되었는데 PORTONE_TEST_CHANNEL은 {wanted}을(를) 받겠다고 "
        "합니다. 이 키로 하는 다음 달 결제가 모두 보류됩니다.",
        "PORTONE_TEST_CHANNEL을 확인하세요. 설정이 맞다면 그 구독을 관리 화면에서 끝내고 새로 받으세요.",
        "{count} billing keys in use were issued on a {is} channel, but PORTONE_TEST_CHANNEL expects {wanted}: every "
        "later month charged by them would be held.",
        "Check PORTONE_TEST_CHANNEL. If it is right, end those subscriptions in the back office and let them be taken "
        "out anew.",
    ),
    "no_operator": Words(
        "warning",
        "관리 화면에서 일할 수 있는 계정이 없습니다.",
        "`flask create-admin`을 실행하세요.",
        "No account may act in the back office.",
        "Run `flask create-admin`.",
    ),
    "redis_silent": Words(
        "problem",
        "{setting}의 Redis가 대답하지 않습니다: {message}",
        "주소와 Redis가 떠 있는지 확인하세요.",
        "The Redis of {setting} does not answer: {message}",
        "Check the address, and that Redis runs.",
    ),
    "mail_silent": Words(
        "problem",
        "메일 서버 {host}에 연결하거나 로그인하지 못했습니다: {message}",
        "MAIL_URL의 주소, 포트, 사용자와 비밀번호를 확인하세요. 알림은 그동안 기다립니다.",
        "Connecting to the mail server {host}, or signing in there, failed: {message}",
        "Check host, port, user and password in MAIL_URL. Messages wait meanwhile.",
    ),
    "portone_silent": Words(
        "problem",
        "포트원이 대답하지 않습니다: {message}",
        "이 서버에서 PORTONE_API_URL로 나가는 길(방화벽, DNS)을 확인하세요.",
        "PortOne does not answer: {message}",
        "Check the way out from this server to PORTONE_API_URL (firewall, DNS).",
    ),
    "credentials_refused": Words(
        "problem",
        "포트원이 API 키와 비밀 값을 거절했습니다: {message}",
        "PORTONE_API_KEY와 PORTONE_API_SECRET에 포트원 콘솔의 V1 REST API 값을 다시 넣으세요.",
        "PortOne refused our key and secret: {message}",
        "Put the V1 REST API key and secret of PortOne's console into PORTONE_API_KEY and PORTONE_API_SECRET.",
    ),
    "sandbox_keys_differ": Words(
        "problem",
        "샌드박스가 이 상점의 API 키와 비밀 값을 거절했습니다: {message}",
        "둘에 같은 INSTANCE_PATH(그 안의 sandbox_keys)나 같은 SANDBOX_API_KEY와 SANDBOX_API_SECRET을 주세요.",
        "The sandbox refused our key and secret: {message}",
        "Give both one INSTANCE_PATH (its file sandbox_keys), or the same SANDBOX_API_KEY and SANDBOX_API_SECRET.",
    ),
    "clock_skew": Words(
        "problem",
        "이 서버의 시계가 포트원의 시계와 {seconds}초 다릅니다. 결제일과 취소 가능한 달을 잘못 셀 수 있습니다.",
        "시각 동기화(NTP)를 켜세요.",
        "This server's clock and PortOne's differ by {seconds} seconds: billing days may be counted wrongly.",
        "Switch on time synchronisation (NTP).",
    ),
    "channel_unknown": Words(
        "problem",
        "{setting}의 {name} 계약이 이 포트원 계정에 없습니다.",
        "포트원 콘솔의 '결제 연동 > 채널 관리'에서 값을 다시 가져오세요.",
        "This PortOne account has no contract {name}, which {setting} names.",
        "Copy the value again from the channel list of PortOne's console.",
    ),
    "channel_kind": Words(
        "problem",
        "{setting}의 채널은 KG모빌리언스가 아니라 {pg}입니다.",
        "KG모빌리언스(휴대폰) 채널을 넣으세요.",
        "The channel of {setting} is {pg}, not KG Mobilians.",
        "Name a channel of KG Mobilians (phone bill).",
    ),
    "channel_module": Words(
        "warning",
        "{setting}의 채널은 {pg} 모듈인데 설정은 {wanted}라고 합니다.",
        "{module_setting}={pg}로 두세요. 두 계약의 모듈이 달라도 됩니다.",
        "The channel of {setting} is of the module {pg}, but the settings say {wanted}.",
        "Set {module_setting}={pg}. The two contracts may be for different modules.",
    ),
    "channel_mode": Words(
        "problem",
        "{setting}의 채널은 {is}인데 PORTONE_TEST_CHANNEL은 {wanted}을(를) 받겠다고 합니다. 결제가 모두 보류됩니다.",
        "PORTONE_TEST_CHANNEL을 채널에 맞추거나 다른 채널을 넣으세요.",
        "The channel of {setting} is {is}, but PORTONE_TEST_CHANNEL expects {wanted}: every payment would be held.",
        "Make PORTONE_TEST_CHANNEL fit the channel, or name another channel.",
    ),
    "channel_unnamed": Words(
        "warning",
        "계정에 채널이 {count}개인데 어느 것으로 받을지 정하지 않았습니다. 콘솔의 기본 PG가 쓰입니다.",
        "PORTONE_CHANNEL_KEY에 KG모빌리언스 채널 키를 넣으세요.",
        "The account has {count} channels and none is named: the console's default PG is used.",
        "Put the channel key of KG Mobilians into PORTONE_CHANNEL_KEY.",
    ),
    "webhook_silent": Words(
        "problem",
        "{url} 에 닿지 못했습니다: {message}",
        "PUBLIC_URL, DNS, 인증서, 방화벽을 확인하세요. 쇼핑몰이 떠 있어야 합니다.",
        "{url} could not be reached: {message}",
        "Check PUBLIC_URL, DNS, certificate and firewall; the shop must be running.",
    ),
    "webhook_local": Words(
        "warning",
        "{url} 에 닿지 못했습니다. 쇼핑몰이 아직 떠 있지 않은 것 같습니다.",
        "`make run`으로 시작한 뒤 다시 검사하세요. PUBLIC_URL의 포트도 확인하세요.",
        "{url} could not be reached; the shop does not seem to run yet.",
        "Start it with `make run` and look again; check the port in PUBLIC_URL.",
    ),
    "public_url_moved": Words(
        "problem",
        "{url} 주소가 {target} 주소로 이동시킵니다. 구매자는 로그아웃된 채 돌아오고, 웹훅은 닿지 않습니다.",
        "PUBLIC_URL을 {target} 주소로 바꾸거나, 이동하는 방향을 반대로 바꾸세요.",
        "{url} redirects to {target}: buyers come back signed out, and webhooks do not arrive.",
        "Set PUBLIC_URL to {target}, or let that address redirect to this one.",
    ),
    "webhook_wrong": Words(
        "problem",
        "{url} 에서 우리 쇼핑몰이 대답하지 않습니다: {message}",
        "PUBLIC_URL이 이 쇼핑몰을 가리키는지, 프록시가 POST를 그대로 넘기는지 확인하세요.",
        "At {url} it is not this shop that answers: {message}",
        "Check that PUBLIC_URL leads to this shop and that the proxy passes POSTs on as they are.",
    ),
}
