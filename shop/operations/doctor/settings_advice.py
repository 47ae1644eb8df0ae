"""Advice of `flask doctor` on settings, in both languages: what is wrong, and how to fix it.

Not in the translation catalogue, because `flask doctor` also runs when the app cannot be created. `{…}` are a finding's
facts. The advice on the services that the settings name is in `connection_advice.py`.
"""

from typing import Literal, NamedTuple

Level = Literal["problem", "warning", "note"]  # a note is nothing to mend


class Words(NamedTuple):
    level: Level
    ko: str
    ko_mend: str
    en: str
    en_mend: str


# The expected values of the settings that most often prevent a start: Korean, English.
BELONGS = {
    "SECRET_KEY": ("임의의 글자 32자 이상", "32 random characters or more"),
    "PUBLIC_URL": (
        "구매자와 웹훅이 닿는 주소(https://shop.example). 포트원의 세 키와, 체험이면 SANDBOX_CONTROLS_TOKEN과 함께",
        "the shop's address, https://shop.example, with PortOne's three keys; for a demo with SANDBOX_CONTROLS_TOKEN",
    ),
    "PORTONE_IMP_CODE": ("포트원 콘솔의 고객사 식별코드", "the merchant code of PortOne's console"),
    "PORTONE_API_KEY": ("포트원 콘솔의 V1 REST API Key", "the V1 REST API key of PortOne's console"),
    "PORTONE_API_SECRET": ("포트원 콘솔의 V1 REST API Secret", "the V1 REST API secret of PortOne's console"),
    "PORTONE_CHANNEL_KEY": (
        "KG모빌리언스 채널 키 하나(샌드박스에서는 비우거나 channel-key-sandbox-…)",
        "one channel key of KG Mobilians; nothing or channel-key-sandbox-… with the sandbox",
    ),
    "PORTONE_PG": (
        "구모듈이면 mobilians, mobilians.<MID>, 콘솔의 기본 PG면 default(신모듈과 샌드박스에서는 비움)",
        "mobilians or mobilians.<MID> (old module), or default for the console's default PG; nothing with the new "
        "module or the sandbox",
    ),
    "PORTONE_BILLING_CHANNEL_KEY": (
        "정기결제로 계약한 채널 키(샌드박스에서는 비우거나 channel-key-sandbox-…)",
        "the channel key under the recurring contract; nothing or channel-key-sandbox-… with the sandbox",
    ),
    "PORTONE_BILLING_PG": (
        "정기결제로 계약한 구모듈의 mobilians.<MID>(신모듈에서는 비움)",
        "mobilians.<MID> under the recurring contract of the old module; nothing with the new one",
    ),
    "PORTONE_TEST_CHANNEL": ("true 또는 false", "true or false"),
    "PORTONE_MODULE": (
        "mobilians(구모듈) 또는 mobilians_v2(신모듈)",
        "mobilians (the old module) or mobilians_v2 (the new one)",
    ),
    "PORTONE_BILLING_MODULE": (
        "정기결제 계약의 모듈이 다르면 mobilians 또는 mobilians_v2, 같으면 비움",
        "mobilians or mobilians_v2 if the recurring contract is for the other module; else nothing",
    ),
    "PORTONE_FIX_NUMBER": (
        "신모듈이면 true 또는 false, 구모듈이면 비움",
        "true or false with the new module; nothing with the old one",
    ),
    "PORTONE_APP_SCHEME": ("앱의 스킴(앱이 없으면 비움)", "the app's scheme; nothing without an app"),
    "DATABASE_URL": ("postgresql://… 또는 sqlite:///…", "postgresql://… or sqlite:///…"),
    "SANDBOX_CONTROLS_TOKEN": ("임의의 글자 16자 이상", "16 random characters or more"),
    "SANDBOX_API_KEY": ("샌드박스의 API 키. 비밀 값과 함께", "the sandbox's API key, together with its secret"),
    "SANDBOX_API_SECRET": ("임의의 글자 16자 이상. 키와 함께", "16 random characters or more, together with the key"),
    "DEMO_CLOCK": ("true 또는 false", "true or false"),
    "DEMO_WORLDS": (
        "한꺼번에 여는 상점의 수(1~99). 상점 하나면 비움",
        "how many shops are open at once, 1 to 99; nothing for one shop",
    ),
    ".env": ("UTF-8로 저장한 텍스트", "text saved in UTF-8"),
    "FLASK_DEBUG": ("0", "0"),
    "TRUSTED_PROXIES": ("앞에 있는 우리 프록시의 수", "the number of your own proxies in front"),
    "RATELIMIT_STORAGE_URL": ("memory:// 또는 redis://호스트:6379/0", "memory:// or redis://host:6379/0"),
    "CELERY_BROKER_URL": ("redis://호스트:6379/0 (한 대라면 비움)", "redis://host:6379/0; nothing on one machine"),
    "INSTANCE_PATH": ("이 계정이 쓸 수 있는 폴더", "a folder that this account may write"),
    "PORT": ("0부터 65535까지의 숫자", "a number from 0 to 65535"),
    "WEB_WORKERS": ("1 이상의 숫자", "a number, 1 or more"),
    "WEB_THREADS": ("1 이상의 숫자", "a number, 1 or more"),
    "METRICS_TOKEN": ("임의의 글자 16자 이상", "16 random characters or more"),
    "MAIL_URL": (
        "smtp://사용자:비밀번호@호스트:587 (없으면 비움)",
        "smtp://user:password@host:587; nothing without mail",
    ),
    "CSP_WINDOW_HOSTS": ("공백으로 나눈 호스트 이름", "host names with spaces between them"),
}

# What no public document settles about KG's new module, by what it concerns.
ONCE_KO, ONCE_EN = "최소 금액(100원)과 digital", "the smallest amount (100 won) and digital"
CANCELS_KO = "취소 규칙(구모듈처럼 그달에 전액만)"
CANCELS_EN = "its cancels (kept: whole, in the month, as the old one)"
MONTHLY_KO = "다음 달 결제의 같은 금액·같은 날·±5일(그대로 지킴)"
MONTHLY_EN = "same amount, same day and ±5 days of later months (kept)"
TRY_KO = "열기 전에 테스트 채널로 결제하고 취소해 보세요. 표는 docs/choosing-the-pg.md에 있습니다."
TRY_EN = "Before you open, pay and cancel on a test channel. The table is in docs/choosing-the-pg.en.md."
KEY_KO = "서비스 ID에 빌링키 발급 권한이 있는지는 여기서 알 수 없으니, 구독도 한 번 사 보세요."
KEY_EN = "Buy a plan too: whether the service id may issue billing keys cannot be seen from here."

ADVICE: dict[str, Words] = {
    "config": Words(
        "problem",
        "이 설정으로는 쇼핑몰이 시작하지 않습니다: {message}",
        "{setting}에 들어갈 값: {belongs_ko}",
        "The shop does not start with this: {message}",
        "What belongs into {setting}: {belongs_en}",
    ),
    "start_failed": Words(
        "problem",
        "설정은 읽었지만 시작하지 못했습니다: {message}",
        "위 설정을 고친 뒤 다시 시작하세요.",
        "The settings are read, but starting failed: {message}",
        "Mend that setting and start again.",
    ),
    "unknown_setting": Words(
        "warning",
        "{setting}(이)라는 설정은 없습니다. 혹시 {guess}?",
        "이름을 고치거나 지우세요.",
        "There is no setting {setting}. Did you mean {guess}?",
        "Correct the name or remove it.",
    ),
    "debug_public": Words(
        "problem",
        "공개된 주소에서 디버거가 켜져 있습니다. 누구나 서버에서 코드를 실행할 수 있습니다.",
        "FLASK_DEBUG를 지우거나 0으로 두세요.",
        "The debugger is on at a public address: anybody may run code on the server.",
        "Remove FLASK_DEBUG or set it to 0.",
    ),
    "secret_key_weak": Words(
        "problem",
        "공개된 주소인데 SECRET_KEY를 쉽게 알아낼 수 있습니다. 누구나 로그인 쿠키를 만들 수 있습니다.",
        "SECRET_KEY를 비워 두면 instance/에 새로 만들어집니다. 또는 임의의 글자 32자 이상을 넣으세요.",
        "The address is public and SECRET_KEY is easy to guess: anybody can make a login cookie.",
        "Leave SECRET_KEY empty (one is made in instance/), or put 32 random characters there.",
    ),
    "secret_reused": Words(
        "warning",
        "SECRET_KEY와 {other}의 값이 같습니다. 하나가 새면 둘 다 샙니다.",
        "SECRET_KEY에 다른 임의의 값을 넣으세요.",
        "SECRET_KEY and {other} have the same value: when one leaks, so does the other.",
        "Give SECRET_KEY a random value of its own.",
    ),
    "public_url_private": Words(
        "problem",
        "{host}은(는) 이 컴퓨터나 사내망에서만 열립니다. 포트원의 웹훅이 닿지 못합니다.",
        "PUBLIC_URL에 인터넷에서 열리는 https:// 주소를 넣으세요.",
        "{host} can be reached from this machine or network only: PortOne's webhooks cannot arrive.",
        "Put the https:// address that the internet reaches into PUBLIC_URL.",
    ),
    "public_url_http": Words(
        "warning",
        "PUBLIC_URL이 http://입니다. 비밀번호와 쿠키가 암호화되지 않고 오갑니다.",
        "인증서를 두고 PUBLIC_URL을 https://로 시작하게 하세요.",
        "PUBLIC_URL begins with http://: passwords and cookies travel in the open.",
        "Put a certificate in front and let PUBLIC_URL begin with https://.",
    ),
    "test_channel": Words(
        "warning",
        "실제 포트원 계정이지만 테스트 채널만 받습니다(PORTONE_TEST_CHANNEL=true). 진짜 돈은 들어오지 않습니다.",
        "실제로 팔 때는 PORTONE_TEST_CHANNEL을 false로 하고 실연동 채널을 넣으세요.",
        "A real account, but only test payments are accepted (PORTONE_TEST_CHANNEL=true): no money comes in.",
        "To sell for real, set PORTONE_TEST_CHANNEL=false and name a live channel.",
    ),
    "imp_code_shape": Words(
        "warning",
        "PORTONE_IMP_CODE가 imp와 숫자 8자리 모양이 아닙니다.",
        "포트원 콘솔의 '고객사 식별코드'를 넣으세요.",
        "PORTONE_IMP_CODE does not look like imp and eight digits.",
        "Put the merchant code (고객사 식별코드) of PortOne's console there.",
    ),
    "api_url_foreign": Words(
        "warning",
        "API 비밀 값이 포트원이 아닌 {host}(으)로 갑니다.",
        "PORTONE_API_URL을 지우면 포트원의 주소를 씁니다.",
        "The API secret travels to {host}, which is not PortOne's.",
        "Remove PORTONE_API_URL to use PortOne's own.",
    ),
    "sdk_url_foreign": Words(
        "problem",
        "결제창 SDK를 포트원이 아닌 {host}에서 읽습니다.",
        "PORTONE_SDK_URL을 지우면 포트원의 SDK를 씁니다.",
        "The payment SDK is loaded from {host}, which is not PortOne's.",
        "Remove PORTONE_SDK_URL to use PortOne's own.",
    ),
    "sdk_old": Words(
        "problem",
        "옛 SDK({file})는 채널 키({keys})를 알지 못합니다.",
        "PORTONE_SDK_URL을 지우거나, 구모듈이면 채널 키 대신 PORTONE_PG나 PORTONE_BILLING_PG를 쓰세요.",
        "An old SDK ({file}) does not know channel keys ({keys}).",
        "Remove PORTONE_SDK_URL, or with the old module use PORTONE_PG or PORTONE_BILLING_PG instead.",
    ),
    "billing_missing": Words(
        "warning",
        "정기결제 계약이 설정되지 않아 월 구독을 팔 수 없습니다.",
        "KG와 정기결제를 계약한 뒤 PORTONE_BILLING_CHANNEL_KEY 또는 PORTONE_BILLING_PG를 넣으세요.",
        "No contract for recurring payments is set: monthly plans cannot be sold.",
        "After contracting with KG, set PORTONE_BILLING_CHANNEL_KEY or PORTONE_BILLING_PG.",
    ),
    "module_unverified": Words(
        "note",
        f"KG의 신모듈(mobilians_v2)입니다. 공개된 문서로 확인되지 않은 것: {ONCE_KO}, {CANCELS_KO}, {MONTHLY_KO}.",
        f"{TRY_KO} {KEY_KO}",
        f"KG's new module (mobilians_v2). No public document settles: {ONCE_EN}, {CANCELS_EN}, {MONTHLY_EN}.",
        f"{TRY_EN} {KEY_EN}",
    ),
    "module_unverified_once": Words(
        "note",
        f"한 번 결제만 KG의 신모듈(mobilians_v2)입니다. 공개된 문서로 확인되지 않은 것: {ONCE_KO}, {CANCELS_KO}.",
        TRY_KO,
        f"One-time payments alone use KG's new module (mobilians_v2). No public document settles: {ONCE_EN}, "
        f"{CANCELS_EN}.",
        TRY_EN,
    ),
    "module_unverified_billing": Words(
        "note",
        f"정기결제만 KG의 신모듈(mobilians_v2)입니다. 공개된 문서로 확인되지 않은 것: {CANCELS_KO}, {MONTHLY_KO}.",
        f"{TRY_KO} {KEY_KO}",
        f"Plans alone use KG's new module (mobilians_v2). No public document settles: {CANCELS_EN}, {MONTHLY_EN}.",
        f"{TRY_EN} {KEY_EN}",
    ),
    "billing_same_new": Words(
        "note",
        "일반결제와 정기결제의 서비스 ID가 같습니다({name}). 신모듈에서 하나로 둘 다 되는지는 공개된 문서로 확인되지 "
        "않았습니다.",
        "구독을 한 번 사서 빌링키가 생기는지 보세요. 발급 권한이 없으면 결제만 되고 키는 생기지 않습니다.",
        "One-time and recurring payments name the same service id ({name}). No public document settles whether one "
        "serves both with the new module.",
        "Buy a plan and see that a billing key is made: without the right to issue, it is paid and no key exists.",
    ),
    "billing_same": Words(
        "problem",
        "일반결제와 정기결제의 계약이 같습니다({name}). KG는 정기결제용 MID를 따로 둡니다.",
        "{setting}에 정기결제로 계약한 MID를 넣으세요.",
        "One-time and recurring payments name the same contract ({name}); KG gives a MID of its own to recurring ones.",
        "Put the MID under the recurring contract into {setting}.",
    ),
    "csp_reports": Words(
        "warning",
        "결제 페이지의 보안 정책이 아직 알리기만 하고 막지 않습니다.",
        "실제 결제창을 열어 콘솔에 나온 호스트를 CSP_WINDOW_HOSTS에 넣고 CSP_ENFORCE=true로 하세요.",
        "The payment page's policy reports and does not refuse yet.",
        "Open the live window, put the hosts that the console names into CSP_WINDOW_HOSTS, set CSP_ENFORCE=true.",
    ),
    "controls_open": Words(
        "warning",
        "공개된 체험 상점의 샌드박스 제어판이 누구에게나 열려 있습니다.",
        "SANDBOX_CONTROLS_TOKEN에 임의의 값을 넣으세요.",
        "On a public demo the sandbox's controls are open to anybody.",
        "Put a random value into SANDBOX_CONTROLS_TOKEN.",
    ),
    "brakes_off": Words(
        "warning",
        "{setting}이(가) off라서 비밀번호나 결제를 끝없이 시도할 수 있습니다.",
        "{setting}을(를) 지우면 기본 제한이 돌아옵니다.",
        "{setting} is off: passwords or checkouts may be tried without end.",
        "Remove {setting} to have the usual limit back.",
    ),
    "metrics_no_token": Words(
        "warning",
        "공개된 주소인데 METRICS_TOKEN이 없습니다. 같은 컴퓨터의 프록시를 거치면 /metrics가 보일 수 있습니다.",
        "METRICS_TOKEN에 임의의 값을 넣고 Prometheus에 Bearer 토큰으로 알려 주세요.",
        "The address is public and there is no METRICS_TOKEN: a proxy on this machine might show /metrics.",
        "Put a random value into METRICS_TOKEN and give it to Prometheus as bearer token.",
    ),
    "proxies_unknown": Words(
        "warning",
        "https 앞에 프록시가 있을 텐데 TRUSTED_PROXIES가 0입니다. 모든 방문자가 한 주소로 보여 제한을 함께 씁니다.",
        "앞에 있는 우리 프록시의 수를 TRUSTED_PROXIES에 넣으세요(보통 1).",
        "Something serves https in front, but TRUSTED_PROXIES is 0: all visitors share one address and its limits.",
        "Put the number of your own proxies in front into TRUSTED_PROXIES, usually 1.",
    ),
    "limits_apart": Words(
        "warning",
        "프로세스 {processes}개가 시도 횟수를 따로 셉니다. 제한이 그만큼 느슨해집니다.",
        "RATELIMIT_STORAGE_URL=redis://… 로 함께 세게 하세요.",
        "{processes} processes count tries apart, so the limits are that much looser.",
        "Let them count together: RATELIMIT_STORAGE_URL=redis://…",
    ),
    "metrics_apart": Words(
        "warning",
        "프로세스 {processes}개의 지표가 합쳐지지 않습니다. /metrics는 대답한 한 프로세스만 보여 줍니다.",
        "PROMETHEUS_MULTIPROC_DIR에 비어 있는 폴더를 넣으세요.",
        "The metrics of {processes} processes are not added up: /metrics shows whichever answers.",
        "Name an empty folder in PROMETHEUS_MULTIPROC_DIR.",
    ),
    "metrics_folder": Words(
        "problem",
        "PROMETHEUS_MULTIPROC_DIR 폴더가 없거나 쓸 수 없습니다.",
        "폴더를 만들고 서버가 쓸 수 있게 하세요.",
        "The folder in PROMETHEUS_MULTIPROC_DIR is missing or cannot be written to.",
        "Make it, writable for the server.",
    ),
}
