"""The attack lab: its page in the panel, and the endpoint that plays one attack."""

import threading
from dataclasses import asdict

from flask import Response, current_app, jsonify

from ..controls.controls import Answer, bp
from ..controls.panel import show
from ..webhooks.current import database, sender
from ..window import pages
from .attacks import ATTACKS, Lab
from .shopper import ShopError
from .texts import LAB_TEXTS

ONE_AT_A_TIME = "attacks_one_at_a_time"  # each attack signs buyers up; this limits the load on a public demo


@bp.get("/attacks")
def attack_lab() -> Response:
    """Show all attacks."""
    texts = LAB_TEXTS[pages.language()]
    return show("sandbox/attacks.html", texts, attacks=ATTACKS, shop_url=_shop_url())


@bp.post("/attacks/<name>")
def play(name: str) -> Answer:
    """Play one attack against the shop: its steps, whether it was refused, by which functions and why."""
    attack, shop_url, texts = ATTACKS.get(name), _shop_url(), LAB_TEXTS[pages.language()]
    if attack is None:
        return jsonify(error="not_found", message=f"no attack {name}; known are {', '.join(ATTACKS)}"), 404
    if shop_url is None:
        return jsonify(error="no_shop", message=texts["no_shop"]), 409
    lab = Lab(database(), sender(), shop_url)
    try:
        with current_app.extensions.setdefault(ONE_AT_A_TIME, threading.Lock()):
            refused = attack.run(lab)
    except ShopError as trouble:
        return jsonify(error="shop", message=f"{texts['shop_trouble']} {trouble}"), 502
    return jsonify(
        name=name,
        refused=refused,
        because=texts[f"because_{name}"] if refused else texts["broken"],
        refused_by=[{"file": file, "function": function} for file, function in attack.refused_by] if refused else [],
        steps=[asdict(step) | {"note": texts.get(f"step_{step.note}", step.note)} for step in lab.steps],
    )


def _shop_url() -> str | None:
    found: str | None = current_app.extensions["sandbox"].shop_origin
    return found
