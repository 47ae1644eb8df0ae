"""The sandbox's one merchant: its code, API key, secret and channels. Published, since they protect nothing real."""

from dataclasses import dataclass

IMP_CODE = "imp00000000"
API_KEY = "imp_apikey"
API_SECRET = "sandbox_secret"

# KG Mobilians' test MID for phone payments, from PortOne's help pages; KG's service ids have twelve digits.
TEST_MID = "170622040674"
LIVE_LOOKING_MID = "200000000001"


@dataclass(frozen=True)
class Channel:
    """PortOne's word for one contract with a PG. `is_test_channel` is what V1 calls `sandbox`."""

    key: str
    name: str
    pg_id: str
    is_test_channel: bool = True
    pg_provider: str = "mobilians"


# The first is the console's default. The last imitates the responses of a live channel.
CHANNELS = (
    Channel("channel-key-sandbox-phone", "KG모빌리언스 휴대폰", TEST_MID),
    Channel("channel-key-sandbox-billing", "KG모빌리언스 정기결제", TEST_MID),
    Channel("channel-key-sandbox-live", "KG모빌리언스 실연동 모양", LIVE_LOOKING_MID, is_test_channel=False),
)


def channel_of(channel_key: str | None, pg: str | None) -> Channel | None:
    """The channel named by `channelKey` or by `pg` (`mobilians`, `mobilians.<MID>`); None: unknown.

    Neither given means the console's default. UNVERIFIED: the channel key takes precedence over `pg`.
    """
    if channel_key:
        return next((channel for channel in CHANNELS if channel.key == channel_key), None)
    if not pg:
        return CHANNELS[0]
    provider, _, mid = pg.partition(".")
    fitting = (channel for channel in CHANNELS if channel.pg_provider == provider and mid in ("", channel.pg_id))
    return next(fitting, None)
