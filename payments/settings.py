"""The settings that payments need: the merchant's PortOne account, and the contract that takes the money."""

from dataclasses import dataclass

CONSOLE_DEFAULT = "default"  # as `pg`: the default PG of PortOne's console


@dataclass(frozen=True)
class PortOneSettings:
    """One merchant at PortOne V1. URLs have no trailing slash."""

    public_url: str  # where buyers' browsers and PortOne's webhooks reach the shop
    api_url: str
    imp_code: str
    api_key: str
    api_secret: str
    is_test_channel: bool  # True: payments come from a test channel, and only those are accepted
    channel_key: str  # the contract for one-time payments: this ...
    pg: str  # ... or this: mobilians, mobilians.<MID> or CONSOLE_DEFAULT; empty with the sandbox
    billing_channel_key: str  # the contract for billing keys: this ...
    billing_pg: str  # ... or this: mobilians.<MID>

    def contract(self, *, billing: bool) -> tuple[str, str]:
        """Return the channel key and the `pg` that choose the contract: at most one of them, neither for the
        console's default PG."""
        if billing:
            return self.billing_channel_key, self.billing_pg
        return self.channel_key, "" if self.pg == CONSOLE_DEFAULT else self.pg

    def __repr__(self) -> str:
        return f"{type(self).__name__}(public_url={self.public_url!r})"  # never the secrets
