"""The settings that payments need: the merchant's PortOne account, and the contract that takes the money."""

from collections.abc import Mapping
from dataclasses import dataclass

LIVE_API_URL = "https://api.iamport.kr"
CONSOLE_DEFAULT = "default"  # as `pg`: the default PG of PortOne's console
OLD_MODULE, NEW_MODULE = "mobilians", "mobilians_v2"  # KG's two modules: `pg_provider` of the channels of each


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
    module: str  # KG's module that the contract for one-time payments is for: OLD_MODULE or NEW_MODULE
    billing_module: str  # the same of the contract for billing keys
    fixes_number: bool  # new module: the buyer pays with the number of the order, and cannot type another
    app_scheme: str  # the app whose web view shows the shop, to come back to; empty: there is no app

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "PortOneSettings":
        """Read the settings from environment variables. Raises KeyError with the name of one that is missing, and
        ValueError for a value that is not one of those below, or that contradicts another.

        `PUBLIC_URL`, `PORTONE_IMP_CODE`, `PORTONE_API_KEY`, `PORTONE_API_SECRET`; the contracts: `PORTONE_CHANNEL_KEY`
        or `PORTONE_PG`, `PORTONE_BILLING_CHANNEL_KEY` or `PORTONE_BILLING_PG`; `PORTONE_TEST_CHANNEL=true` for a test
        channel; `PORTONE_API_URL` for a sandbox; `PORTONE_MODULE=mobilians_v2` for KG's new module, with which
        `PORTONE_FIX_NUMBER=true` keeps buyers to the number of the order; `PORTONE_BILLING_MODULE` if the contract for
        billing keys is for the other module; `PORTONE_APP_SCHEME` inside an app.
        """
        module = environ.get("PORTONE_MODULE", OLD_MODULE)
        settings = cls(
            public_url=environ["PUBLIC_URL"].rstrip("/"),
            api_url=environ.get("PORTONE_API_URL", LIVE_API_URL).rstrip("/"),
            imp_code=environ["PORTONE_IMP_CODE"],
            api_key=environ["PORTONE_API_KEY"],
            api_secret=environ["PORTONE_API_SECRET"],
            is_test_channel=_truth("PORTONE_TEST_CHANNEL", environ.get("PORTONE_TEST_CHANNEL", "false")),
            channel_key=environ.get("PORTONE_CHANNEL_KEY", ""),
            pg=environ.get("PORTONE_PG", ""),
            billing_channel_key=environ.get("PORTONE_BILLING_CHANNEL_KEY", ""),
            billing_pg=environ.get("PORTONE_BILLING_PG", ""),
            module=module,
            billing_module=environ.get("PORTONE_BILLING_MODULE") or module,
            fixes_number=_truth("PORTONE_FIX_NUMBER", environ.get("PORTONE_FIX_NUMBER", "false")),
            app_scheme=environ.get("PORTONE_APP_SCHEME", ""),
        )
        wrong = settings.contradiction()
        if wrong:
            raise ValueError(wrong)
        return settings

    def contradiction(self) -> str | None:
        """Return what is wrong about the modules, beginning with the setting's name; None: nothing."""
        for name, module, pg in (
            ("PORTONE", self.module, self.pg),
            ("PORTONE_BILLING", self.billing_module, self.billing_pg),
        ):
            if module not in (OLD_MODULE, NEW_MODULE):
                return f"{name}_MODULE must be {OLD_MODULE} or {NEW_MODULE}, not {module!r}"
            if pg and NEW_MODULE in (module, pg.partition(".")[0]):
                return f"{name}_PG cannot choose KG's new module ({NEW_MODULE}): name its channel key instead"
        if self.fixes_number and NEW_MODULE not in (self.module, self.billing_module):
            return f"PORTONE_FIX_NUMBER needs PORTONE_MODULE={NEW_MODULE}"
        return None

    def module_of(self, *, billing: bool) -> str:
        """Return KG's module that the contract for billing keys, or for one-time payments, is for."""
        return self.billing_module if billing else self.module

    def contract(self, *, billing: bool) -> tuple[str, str]:
        """Return the channel key and the `pg` that choose the contract: at most one of them, neither for the
        console's default PG."""
        if billing:
            return self.billing_channel_key, self.billing_pg
        return self.channel_key, "" if self.pg == CONSOLE_DEFAULT else self.pg

    def __repr__(self) -> str:
        return f"{type(self).__name__}(public_url={self.public_url!r})"  # never the secrets


def _truth(name: str, value: str) -> bool:
    if value not in ("true", "false"):
        raise ValueError(f"{name} must be true or false, not {value!r}")
    return value == "true"
