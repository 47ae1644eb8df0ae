"""The sandbox's one merchant: its code, REST keys and channels.

The published keys are for a shop on this machine. A demo that others reach has keys of its own: they read buyers' data,
and cancel.
"""

import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .modules import NEW, OLD

IMP_CODE = "imp00000000"
API_KEY = "imp_apikey"
API_SECRET = "sandbox_secret"

# KG Mobilians' test MID for phone payments, from PortOne's help pages; KG's service ids have twelve digits.
TEST_MID = "170622040674"
LIVE_LOOKING_MID = "200000000001"
NO_ISSUING_MID = "200000000002"


@dataclass(frozen=True)
class Channel:
    """PortOne's word for one contract with a PG. `is_test_channel` is what V1 calls `sandbox`.

    `may_issue`: the service id may issue billing keys. Without, a payment with `customer_uid` goes through and makes
    none.
    """

    key: str
    name: str
    pg_id: str
    is_test_channel: bool = True
    pg_provider: str = OLD
    may_issue: bool = True


# The first is the console's default. The last imitates the responses of a live channel. UNVERIFIED: the MIDs of the new
# module's test channels.
CHANNELS = (
    Channel("channel-key-sandbox-phone", "KG모빌리언스 휴대폰", TEST_MID),
    Channel("channel-key-sandbox-billing", "KG모빌리언스 정기결제", TEST_MID),
    Channel("channel-key-sandbox-v2-phone", "KG파이낸셜 휴대폰(신모듈)", TEST_MID, pg_provider=NEW),
    Channel("channel-key-sandbox-v2-billing", "KG파이낸셜 정기결제(신모듈)", TEST_MID, pg_provider=NEW),
    Channel(
        "channel-key-sandbox-v2-no-issuing",
        "KG파이낸셜 발급 권한 없음(신모듈)",
        NO_ISSUING_MID,
        pg_provider=NEW,
        may_issue=False,
    ),
    Channel("channel-key-sandbox-live", "KG모빌리언스 실연동 모양", LIVE_LOOKING_MID, is_test_channel=False),
)


def own_keys(path: Path) -> tuple[str, str]:
    """This deployment's key and secret, from the file `path`: written once, by the shop or the sandbox, and kept.

    Raises ValueError when the file holds something else.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        draft.write_text(f"{secrets.token_hex(8)}\n{secrets.token_hex(32)}\n")
        with suppress(FileExistsError):
            path.hardlink_to(draft)  # atomic, even if several processes start at once
        draft.unlink()
    kept = path.read_text().split()
    if len(kept) != 2:
        raise ValueError(f"{path} must hold a key and a secret, one in each line")
    return kept[0], kept[1]


def channel_of(channel_key: str | None, pg: str | None) -> Channel | None:
    """The channel named by `channelKey` or by `pg` (`mobilians`, `mobilians.<MID>`); None: unknown.

    Neither given means the console's default. The new module is chosen by channel key only. UNVERIFIED: the channel key
    takes precedence over `pg`.
    """
    if channel_key:
        return next((channel for channel in CHANNELS if channel.key == channel_key), None)
    if not pg:
        return CHANNELS[0]
    provider, _, mid = pg.partition(".")
    return channel_with(provider, mid) if provider != NEW else None


def channel_with(pg_provider: str, mid: str = "") -> Channel | None:
    """The first channel of a PG, with this MID if one is given."""
    fitting = (channel for channel in CHANNELS if channel.pg_provider == pg_provider and mid in ("", channel.pg_id))
    return next(fitting, None)
