"""Whether every `{name}` in a shop's file has a value where it is used, before anything is played."""

from collections.abc import Sequence
from typing import Any

from .patterns import names_in
from .shopfile import Job, ShopFile, Sign, Step
from .table import BadFile

FRESH = frozenset({"email", "password", "random", "url"})  # new for each buyer; {random} for each order
IDS = frozenset({"imp_uid", "merchant_uid", "success", "error_code", "error_msg"})  # what the window's end brought
TIMES = frozenset({"date", "now", "period", "url"})  # the sandbox's


def check(file: str, shop: ShopFile) -> None:
    """Raises BadFile for a name without a value, and for steps after which there is no `request_pay`."""
    login = _steps(file, shop.login, FRESH)
    order = _steps(file, shop.order, login)
    _steps(file, shop.again, order)
    buyers = [order]
    if shop.subscribe:
        buyers.append(_steps(file, shop.subscribe, login))
        _sign(file, shop.charged, buyers[1] | TIMES)
    for section, steps in (("order", shop.order), ("again", shop.again), ("subscribe", shop.subscribe)):
        _needs_request_pay(file, section, steps)
    for step in (shop.callback, shop.redirect):
        for known in buyers:
            _step(file, step, known | IDS)
    _sign(file, shop.paid, order)
    _job(file, "monthly", shop.monthly)
    _job(file, "sweep", shop.sweep)


def _steps(file: str, steps: Sequence[Step], known: frozenset[str]) -> frozenset[str]:
    """What is known after these steps."""
    for step in steps:
        _step(file, step, known)
        known = known | step.take.keys()
        _known(file, f"{step.where}.request_pay", step.request_pay, known)
    return known


def _step(file: str, step: Step | None, known: frozenset[str]) -> None:
    if step is not None:
        _known(file, f"{step.where}.{step.method.lower()}", step.path, known)
        for name, part in (("form", step.form), ("json", step.json), ("headers", step.headers)):
            _known(file, f"{step.where}.{name}", part, known)


def _sign(file: str, sign: Sign | None, known: frozenset[str]) -> None:
    if sign is not None:
        _step(file, sign.step, known)
        for name in ("text", "without", "pattern", "json"):
            _known(file, f"{sign.step.where}.{name}", getattr(sign, name), known)


def _job(file: str, section: str, job: Job | None) -> None:
    if job is not None:
        _known(file, f"{section}.run", job.command, TIMES)
        _step(file, job.step, TIMES)


def _known(file: str, where: str, template: Any, known: frozenset[str]) -> None:
    for name in sorted(names_in(template) - known):
        listed = ", ".join(sorted(known))
        raise BadFile(f"{file}: {where}", "{{{name}}} has no value here; known are {known}", name=name, known=listed)


def _needs_request_pay(file: str, section: str, steps: Sequence[Step]) -> None:
    if steps and not any("request_pay" in step.take or step.request_pay for step in steps):
        raise BadFile(f"{file}: {section}", "no step takes request_pay, nor has a request_pay of its own")
