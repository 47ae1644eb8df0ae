"""The sandbox's one merchant: its code, REST keys and channels.

The published keys are for a shop on this machine. A demo that others reach has keys of its own: they read buyers' data,
and cancel.
"""

import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

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


def own_keys(path: Path) -> tuple[str, str]:
    """This deployment's key and secret, from the file `path`: written once, by the shop or the sandbox, and kept."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        draft.write_text(f"{secrets.token_hex(8)}\n{secrets.token_hex(32)}\n")
        with suppress(FileExistsError):
            path.hardlink_to(draft)  # atomic, even if several processes start at once
        draft.unlink()
    key, secret = path.read_text().split()
    return key, secret


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
