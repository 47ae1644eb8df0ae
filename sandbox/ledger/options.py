"""Settings of the sandbox: what PortOne's console or support decides, and what no source documents."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from . import fields
from .database import Database


@dataclass(frozen=True)
class Options:
    """The settings of `/controls/settings`; the defaults are PortOne's documented behaviour.

    `confirm_timeout` is in seconds. `webhook_url` is the console's address, used when a payment names no `notice_url`.
    """

    pc_window: str = "popup"
    mobile_result: str = "redirect"
    callback_shape: str = "v1"
    redirect_query: str = "full"
    webhook_format: str = "json"
    webhook_order: str = "after"
    webhook_retries: bool = False  # enabled per merchant by PortOne's support
    webhook_url: str = ""
    confirm_url_enabled: bool = True
    confirm_timeout: float = 10.0  # PortOne's developer pages; its help pages say 5
    schedule_lists: str = "array"  # UNVERIFIED: V1's schema says so; its official clients expect a page
    anchor: str = "float"  # UNVERIFIED: whether KG counts ±5 days from last month's day or from the first one


CHOICES = {
    "pc_window": ("popup", "iframe"),
    "mobile_result": ("redirect", "callback"),
    "callback_shape": ("v1", "legacy"),
    "redirect_query": ("full", "no_imp_success", "merchant_uid_only"),
    "webhook_format": ("json", "form"),
    # after: sent at once in the background, as PortOne does · before: the browser's response waits for it
    # late: 30 seconds later · reordered: after the next one · never: logged, not sent
    "webhook_order": ("before", "after", "twice", "late", "reordered", "never"),
    "schedule_lists": ("array", "page"),
    "anchor": ("float", "fixed"),
}
SWITCHES = ("webhook_retries", "confirm_url_enabled")
LONGEST_CONFIRM_SECONDS = 60


def options_of(database: Database) -> Options:
    """The current settings, shared by all processes."""
    return Options(**database.kept("options", {}))


def change(database: Database, changes: Mapping[str, Any]) -> Options:
    """Change some settings. Raises BadField, and then changes nothing."""
    fields.refuse_unknown(changes, set(asdict(Options())))
    checked = {field: _checked(field, value) for field, value in changes.items()}
    options = replace(options_of(database), **checked)
    database.keep("options", asdict(options))
    return options


def _checked(field: str, value: Any) -> Any:
    if field in CHOICES:
        return fields.one_of(field, value, CHOICES[field])
    if field in SWITCHES:
        return fields.boolean(field, value)
    if field == "confirm_timeout":
        return fields.number(field, value, 0.05, LONGEST_CONFIRM_SECONDS)
    return fields.text(field, value)
