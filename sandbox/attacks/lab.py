"""The attack lab: its page in the panel, and the endpoint that plays one case of `check` against the shop."""

import threading
from dataclasses import replace
from typing import Any

import requests
from flask import Flask, Response, current_app, jsonify

from ..adapter import WSGIAdapter
from ..check.cases import ATTACKERS, CASES, GROUPS, Case
from ..check.portone import PortOne
from ..check.run import NOT_DESCRIBED, OK, UNPLAYABLE, Result, Run
from ..check.shopfile import ShopFile
from ..check.texts import answered, case_text, note, seen, word
from ..controls.controls import Answer, bp
from ..controls.panel import show
from ..window import pages
from .texts import LAB_TEXTS

OWN_ADDRESS = "http://sandbox"  # of this app in its own process
RUN = "lab"  # keys in `app.extensions`
ONE_AT_A_TIME = "lab_one_at_a_time"  # cases sign buyers up and move the clock; this limits the load on a public demo


@bp.get("/attacks")
def attack_lab() -> Response:
    """Show all cases; those that move the clock or disturb PortOne stand apart."""
    language = pages.language()
    apart = [case for case in CASES.values() if case.moves_clock or case.disturbs]
    return show(
        "sandbox/attacks.html",
        LAB_TEXTS[language],
        groups=[(word(group, language), _cards(group, language, apart)) for group in GROUPS],
        apart=[_card(case, language) for case in apart],
        shop_url=_shop_url(),
        described=_shop_file() is not None,
    )


def _cards(group: str, language: str, apart: list[Case]) -> list[dict[str, Any]]:
    return [_card(case, language) for case in CASES.values() if case.group == group and case not in apart]


def _card(case: Case, language: str) -> dict[str, Any]:
    marks = [word(name, language) for name in ("moves_clock", "disturbs") if getattr(case, name)]
    return {"name": case.name, "marks": marks, **case_text(case.name, language)._asdict()}


@bp.post("/attacks/<name>")
def play(name: str) -> Answer:
    """Play one case against the shop: its steps, and how it ended. `refused` says that the shop did well."""
    case, texts = CASES.get(name), LAB_TEXTS[pages.language()]
    if case is None:
        return jsonify(error="not_found", message=f"no case {name}; known are {', '.join(CASES)}"), 404
    if _shop_url() is None or _shop_file() is None:
        return jsonify(error="no_shop", message=texts["no_shop"]), 409
    with current_app.extensions.setdefault(ONE_AT_A_TIME, threading.Lock()):
        result = _run().play(case)
    if result.state == UNPLAYABLE:
        return jsonify(error="shop", message=f"{texts['shop_trouble']} {seen(result, pages.language())}"), 502
    return jsonify(_told(result, pages.language()))


def _told(result: Result, language: str) -> dict[str, Any]:
    texts, name = case_text(result.case.name, language), result.case.name
    refused_by = [place.split(" ", 1) for place in _refused_by(name)] if result.state == OK else []
    because = texts.right if result.state == OK else texts.loss
    if result.key == "not_paid":
        because = f"{because} {LAB_TEXTS[language]['if_all_fail']}"
    head = "refused" if result.state == OK and result.case.group == ATTACKERS else result.state
    return {
        "name": name,
        "state": result.state,
        "refused": result.state == OK,
        "head": LAB_TEXTS[language][f"head_{head}"],
        "because": LAB_TEXTS[language]["undescribed"] if result.state == NOT_DESCRIBED else because,
        "seen": seen(result, language),
        "refused_by": [{"file": file, "function": function} for file, function in refused_by],
        "steps": [
            {"note": note(step.note, language), "request": step.request, "answer": answered(step, language)}
            for step in result.steps
        ],
    }


def _run() -> Run:
    """The run of this app, which keeps its buyers from case to case."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    sandbox, shop = app.extensions["sandbox"], _shop_file()
    if RUN not in app.extensions and shop is not None:
        http = requests.Session()
        http.mount(OWN_ADDRESS, WSGIAdapter(app.wsgi_app, OWN_ADDRESS))
        portone = PortOne(http, OWN_ADDRESS, sandbox.controls_token or "")
        app.extensions[RUN] = Run(replace(shop, url=_shop_url() or shop.url), sandbox.http, portone)
    run: Run = app.extensions[RUN]
    return run


def _shop_file() -> ShopFile | None:
    found: ShopFile | None = current_app.extensions["sandbox"].shop_file
    return found


def _refused_by(name: str) -> tuple[str, ...]:
    shop = _shop_file()
    return shop.refused_by.get(name, ()) if shop else ()


def _shop_url() -> str | None:
    shop, origin = _shop_file(), current_app.extensions["sandbox"].shop_origin
    return origin or (shop.url if shop else None)
