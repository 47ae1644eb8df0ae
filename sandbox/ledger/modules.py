"""KG's two modules at PortOne V1, old (`mobilians`) and new (`mobilians_v2`): what a window of each may be asked for.

The old one's limits are from PortOne's help pages and KG's code book, the new one's from PortOne's guide of 2025-12-04.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .kg import CARRIERS, Declined, Refused, kg_bytes

OLD, NEW = "mobilians", "mobilians_v2"


@dataclass(frozen=True)
class Module:
    """The limits of one module. `amount` in won. `name_bytes`: KG's bytes; None: 40 characters are the limit."""

    smallest_amount: int
    shortest_merchant_uid: int
    name_bytes: int | None
    wants_digital: bool


# UNVERIFIED for the new one: 100 won (what its window says), and that `digital` may be missing (its guide is silent).
MODULES = {
    OLD: Module(smallest_amount=301, shortest_merchant_uid=2, name_bytes=30, wants_digital=True),
    NEW: Module(smallest_amount=100, shortest_merchant_uid=4, name_bytes=None, wants_digital=False),
}
LONGEST_NAME = 40  # characters


def check(module_name: str, params: Mapping[str, Any]) -> None:
    """Check what the modules differ in, after `kg.check_types`. Raises Refused. UNVERIFIED: codes SANDBOX_…."""
    module = MODULES[module_name]
    if kg_bytes(params["merchant_uid"]) < module.shortest_merchant_uid:
        raise Refused("9107", "[9107] 결제요청자료 오류입니다.")
    if params.get("pay_method") != "phone":
        raise Refused("SANDBOX_PAY_METHOD", _wrong_method(module_name, params))
    if params["amount"] < module.smallest_amount:
        raise Refused("SANDBOX_MINIMUM", f"휴대폰 소액결제는 {module.smallest_amount}원 이상이어야 합니다.")
    name = params.get("name") or ""
    if kg_bytes(name) > module.name_bytes if module.name_bytes else len(name) > LONGEST_NAME:
        raise Refused("9109", "[9109] 결제요청자료 오류입니다.")
    if not params.get("buyer_tel") and (module_name == OLD or fixes_number(module_name, params)):
        raise Refused("SANDBOX_BUYER_TEL", "buyer_tel은 필수입력입니다.")
    if module.wants_digital and not isinstance(params.get("digital"), bool):
        # the text is that of PortOne's React Native client
        raise Refused("SANDBOX_DIGITAL", "휴대폰 소액결제시 digital은 필수입력입니다.")
    carrier = carrier_of(module_name, params)
    if carrier is not None and carrier not in CARRIERS:
        raise Refused("SANDBOX_CARRIER", f"phone.carrier는 {', '.join(CARRIERS)} 중 하나여야 합니다.")


def fixes_number(module_name: str, params: Mapping[str, Any]) -> bool:
    """Whether the window keeps the buyer to `buyer_tel`: `bypass.mobilians_v2.pay_options.mc_fix_no` is `Y`."""
    return module_name == NEW and _inside(params, "bypass", NEW, "pay_options", "mc_fix_no") == "Y"


def carrier_of(module_name: str, params: Mapping[str, Any]) -> Any:
    """The carrier that `phone.carrier` fixes; None: the buyer chooses."""
    return _inside(params, "phone", "carrier") if module_name == NEW else None


def check_identity(module_name: str, params: Mapping[str, Any], carrier: str, phone: str) -> None:
    """Keep the buyer to the carrier and the number that the request fixes. Raises Declined. UNVERIFIED code, text."""
    if carrier_of(module_name, params) not in (None, carrier):
        raise Declined("SANDBOX_CARRIER", "가맹점이 정한 통신사로만 결제할 수 있습니다.", final=False)
    fixed = "".join(filter(str.isdigit, params.get("buyer_tel") or ""))
    if fixes_number(module_name, params) and phone != fixed:
        raise Declined("SANDBOX_FIXED_NUMBER", "가맹점이 정한 휴대폰 번호로만 결제할 수 있습니다.", final=False)


def _wrong_method(module_name: str, params: Mapping[str, Any]) -> str:
    if module_name == NEW and not params.get("pay_method"):
        return "신모듈의 pay_method 기본값은 'card'이고 이 샌드박스에는 카드가 없습니다. 'phone'을 보내 주세요."
    return "이 샌드박스는 pay_method 'phone'만 받습니다."


def _inside(found: Any, *path: str) -> Any:
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found
