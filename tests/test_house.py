"""The shape of the house: floors never import upwards, the two buildings never import each other."""

import ast
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# From the lowest floor up; files of one row do not import each other unless a row below says so.
FLOORS = [
    ["environment"],
    ["clock", "config", "privacy", "catalogue", "advice"],
    ["database"],
    ["models"],
    ["provider", "signals"],
    ["cart"],
    ["orders"],
    ["subscriptions"],
    ["decision", "events", "months"],
    ["books", "attempts"],
    ["payments"],
    ["billing"],
    ["sweep"],
    ["reconcile"],
    ["paging"],
    ["listing"],
    ["figures", "timeline", "export"],
    ["request_pay"],
    ["answers"],
    ["portone"],
    ["advice_probes"],
    ["checkup"],
    ["probes"],
    ["labels"],
    ["dictionary", "reasons"],
    ["flows", "csrf"],
    ["web", "headers", "logs"],
    ["brakes"],
    ["legal"],
    ["account", "store", "results", "health", "metrics"],
    ["asked", "titles"],
    ["runs"],
    ["bulk"],
    ["made_up"],
    ["history"],
    ["admin", "seed"],
    ["monthly", "admin_payments", "reset"],
    ["admin_pages"],
    ["demo", "learn", "doctor"],
    ["worker"],
    ["cli"],
]
FLOOR_OF = {name: number for number, row in enumerate(FLOORS) for name in row}


def imported_by(path: Path) -> set[str]:
    """The modules that a file imports, as dotted names; `from . import x` in shop/ gives `shop.x`."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level:
            package = ".".join([*path.relative_to(ROOT).parent.parts, *([node.module] if node.module else [])])
            found |= {f"{package}.{alias.name}" if not node.module else package for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def shop_files() -> list[Path]:
    return sorted(path for path in (ROOT / "shop").glob("*.py") if path.stem != "__init__")


@pytest.mark.parametrize("path", shop_files(), ids=lambda path: path.stem)
def test_a_file_imports_only_what_stands_below_it(path: Path) -> None:
    own = FLOOR_OF[path.stem]
    for module in imported_by(path):
        if module.startswith("shop."):
            assert FLOOR_OF[module.split(".")[1]] < own, f"{path.stem} reaches up or sideways to {module}"


def test_the_two_buildings_do_not_import_each_other() -> None:
    for building, other in (("shop", "sandbox"), ("sandbox", "shop")):
        for path in (ROOT / building).rglob("*.py"):
            assert not {module for module in imported_by(path) if module.split(".")[0] in (other, "app")}, path


def test_the_domain_never_sees_a_request_or_json() -> None:
    domain = {name for row in FLOORS[: FLOORS.index(["answers"])] for name in row} & {f.stem for f in shop_files()}
    for name in domain:
        modules = {module.split(".")[0] for module in imported_by(ROOT / "shop" / f"{name}.py")}
        assert not modules & {"flask", "json", "requests", "werkzeug"}, name


def test_every_file_says_which_question_it_answers() -> None:
    for building in ("shop", "sandbox"):
        for path in (ROOT / building).rglob("*.py"):
            assert ast.get_docstring(ast.parse(path.read_text())), path


def test_no_function_of_the_shop_is_longer_than_forty_lines() -> None:
    for path in shop_files():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 40, f"{path.stem}.{node.name}"


def test_the_money_path_reads_straight() -> None:
    """store → orders → payments → portone on the way out, results → payments → portone on the way back."""
    for path in (["portone", "payments", "orders"], ["portone", "payments"]):
        for upper, lower in pairwise(path):
            assert FLOOR_OF[lower] < FLOOR_OF[upper]
    assert {"shop.orders", "shop.payments", "shop.request_pay"} <= imported_by(ROOT / "shop" / "store.py")
    assert "shop.payments" in imported_by(ROOT / "shop" / "results.py")


LIVE_SHOP = """
import sys
from pathlib import Path
sys.modules["sandbox"] = None  # unimportable
sys.modules["shop.demo"] = None
from app import create_app
from shop.config import load_settings
from shop.database import db
from shop import account, cart, orders, seed
from shop.models import Product
from flask_migrate import upgrade
settings = load_settings({
    "PORTONE_IMP_CODE": "imp12345678", "PORTONE_API_KEY": "1234567890123456", "PORTONE_API_SECRET": "a-real-secret",
    "SECRET_KEY": "0f7c1d2e3a4b5c6d7e8f", "PUBLIC_URL": "https://shop.example", "PORTONE_CHANNEL_KEY": "channel-key-1",
}, Path(sys.argv[1]))
app = create_app(settings)
with app.app_context():
    upgrade()
    seed.seed_catalogue()
    user = account.create_user("a@example.com", "long-enough")
    cart.put_in_cart(user.id, db.session.query(Product).filter_by(kind="once").first().id, 1)
    user_id = user.get_id()
client = app.test_client()
with client.session_transaction(base_url="https://shop.example") as session:
    session["_user_id"], session["_fresh"] = user_id, True
page = client.get("/cart", base_url="https://shop.example")
text = page.get_data(as_text=True)
assert page.status_code == 200, page.status_code
assert "https://cdn.iamport.kr/v1/iamport.js" in text
assert "/sandbox" not in text and "demo" not in text
assert client.get("/sandbox/v1/iamport.js", base_url="https://shop.example").status_code == 404
print("shown")
"""


def test_with_live_settings_the_shop_shows_its_checkout_though_the_sandbox_cannot_be_imported(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", LIVE_SHOP, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.stdout.strip() == "shown", run.stderr
