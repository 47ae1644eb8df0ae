"""Which names does the sandbox answer to? Published on purpose: nothing behind them is real."""

IMP_CODE = "imp00000000"
API_KEY = "imp_apikey"
API_SECRET = "sandbox_secret"

# KG Mobilians' MID for tests by phone, from PortOne's help pages; KG's service ids have twelve digits.
TEST_MID = "170622040674"
CHANNELS = {
    # channelKey: (pg_provider, pg_id, name)
    "channel-key-sandbox-phone": ("mobilians", TEST_MID, "KG모빌리언스 휴대폰"),
    "channel-key-sandbox-billing": ("mobilians", TEST_MID, "KG모빌리언스 정기결제"),
}
SHOP_NAME = "샌드박스 가맹점"
