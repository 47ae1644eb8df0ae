"""Folders import downwards only; shop/ and sandbox/ never import each other; payments/ imports neither."""

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]

# From the bottom up: a folder imports only what stands before it. `app.py` alone imports shop.demo and sandbox.
FOLDERS = [
    "payments",
    "shop.config",
    "shop.orders",
    "shop.web",
    "shop.storefront",
    "shop.backoffice",
    "shop.operations",
    "shop.demo",
]

# The files of payments/ and shop/orders/ that may know Flask, `requests` or JSON.
OUTSIDE_THE_DOMAIN = {
    "payments/__init__.py",
    "payments/clock.py",
    "payments/commands.py",
    "payments/database.py",
    "payments/extension.py",
    "payments/endpoints.py",
    "payments/notification.py",
    "payments/monthly/__init__.py",
    "payments/monthly/batch.py",
    "payments/portone/client.py",
    "payments/portone/responses.py",
    "shop/orders/purchases.py",
    "payments/portone/transport.py",
}


def python_files(*folders: str) -> list[Path]:
    files = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return [path for path in files if "migrations" not in path.parts]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module_of(path: Path) -> str:
    return name_of(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imported_by(path: Path) -> set[str]:
    """The modules that a file imports anywhere in it, as dotted names."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = path.relative_to(ROOT).parent.parts
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *filter(None, [node.module])])
            for alias in node.names:
                is_module = (ROOT / module.replace(".", "/") / f"{alias.name}.py").exists()
                found.add(f"{module}.{alias.name}" if is_module else module)
    return found


def folder_of(module: str) -> int | None:
    """The position in FOLDERS; None for what is not listed there."""
    found = [at for at, folder in enumerate(FOLDERS) if module == folder or module.startswith(f"{folder}.")]
    return found[0] if found else None


def test_folders_import_downwards_only() -> None:
    upwards = set()
    for path in python_files("payments", "shop"):
        own = folder_of(module_of(path))
        if own is not None:
            upwards |= {(name_of(path), each) for each in imported_by(path) if (folder_of(each) or 0) > own}
    assert not upwards


def test_payments_without_monthly_does_not_import_it() -> None:
    files = [path for path in python_files("payments") if "monthly" not in path.parts]
    needs = {(name_of(path), each) for path in files for each in imported_by(path) if ".monthly" in each}
    assert not needs


def test_the_sandbox_and_the_others_never_import_each_other_nor_the_app() -> None:
    for folders, others in ((("payments", "shop"), {"sandbox", "app"}), (("sandbox",), {"payments", "shop", "app"})):
        for path in python_files(*folders):
            assert not {each.split(".")[0] for each in imported_by(path)} & others, name_of(path)


def test_the_example_shops_import_nothing_of_this_repository() -> None:
    files = [path for path in python_files("examples") if "node_modules" not in path.parts]
    assert files
    for path in files:
        assert not {each.split(".")[0] for each in imported_by(path)} & {"payments", "shop", "sandbox", "app"}


# What the tests of payments/ need besides it, as the page about copying says.
TEST_PACKAGES = {
    "flask",
    "hypothesis",
    "pytest",
    "pytest_httpserver",
    "requests",
    "responses",
    "sqlalchemy",
    "werkzeug",
}


def test_the_tests_of_payments_import_only_payments_and_themselves() -> None:
    for path in python_files("tests/payments"):
        modules = imported_by(path)
        assert {each for each in modules if each.startswith("tests")} == {
            each for each in modules if each.startswith("tests.payments")
        }, name_of(path)
        packages = {each.split(".")[0] for each in modules} - sys.stdlib_module_names
        assert packages <= {"payments", "tests"} | TEST_PACKAGES, name_of(path)
        assert "monthly" in path.parts or not {each for each in modules if ".monthly" in each}, name_of(path)


def test_no_files_import_each_other_in_a_circle() -> None:
    graph = {module_of(path): imported_by(path) for path in python_files("payments", "shop")}
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_the_domain_never_sees_a_request_or_json() -> None:
    for path in python_files("payments", "shop/orders"):
        if name_of(path) not in OUTSIDE_THE_DOMAIN:
            modules = {module.split(".")[0] for module in imported_by(path)}
            assert not modules & {"flask", "json", "requests", "werkzeug"}, name_of(path)


def test_every_file_says_what_it_is() -> None:
    for path in python_files("payments", "shop", "sandbox"):
        assert ast.get_docstring(ast.parse(path.read_text())), name_of(path)


def test_no_function_is_longer_than_forty_lines() -> None:
    for path in python_files("payments", "shop"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 40, f"{name_of(path)} {node.name}"


def test_one_function_leaves_out_what_cannot_be_seen() -> None:
    files = [path for path in python_files("payments", "shop") if "filter(str.isprintable" in path.read_text()]
    assert [file.name for file in files] == ["privacy.py"]


LIVE_SHOP = """
import sys
from pathlib import Path
sys.modules["sandbox"] = None  # unimportable
sys.modules["shop.demo"] = None
from app import create_app
from shop.config import load_settings
from payments.database import db
from shop.storefront import account
from shop.orders import cart
from shop.orders import orders
from shop.orders import seed
from shop.orders.models import Product
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


def test_with_live_settings_the_shop_shows_its_checkout_though_sandbox_and_demo_cannot_be_imported(
    tmp_path: Path,
) -> None:
    run = subprocess.run(
        [sys.executable, "-c", LIVE_SHOP, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.stdout.strip() == "shown", run.stderr


def test_only_what_stores_or_parses_a_report_reads_its_pg_provider() -> None:
    """`pg_provider` stands in the parser, the data types, the tables and the copying of facts, and decides nothing."""
    folder = ROOT / "payments"
    readers = {
        path.relative_to(folder).as_posix() for path in folder.rglob("*.py") if "pg_provider" in path.read_text()
    }
    assert readers == {
        "models.py",
        "monthly/first_month.py",  # copies it from the key's report
        "monthly/models.py",
        "portone/report.py",
        "portone/responses.py",
        "record.py",  # copies it from the report
        "settings.py",  # in a comment
    }
    copied = r"\.pg_provider"
    places = [line for name in readers for line in (folder / name).read_text().splitlines() if re.search(copied, line)]
    assert [line.strip() for line in places] == [
        "key.pg_provider, key.pg_id, key.is_test_channel = issued.pg_provider, issued.pg_id, issued.is_test_channel",
    ]
