"""With live settings the shop needs neither `shop/demo/` nor `sandbox/`: both may be deleted."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from tests.shop.test_config import LIVE

ROOT = Path(__file__).parents[2]

SELL_ONE_THING = """
import json, sys
from pathlib import Path
from app import create_app
from shop.config import load_settings
from fakes import FakeProvider

app = create_app(load_settings(json.loads(sys.argv[1]), Path(sys.argv[2])))
app.extensions["payments"].provider.close()
provider = app.extensions["payments"].provider = FakeProvider()
client = app.test_client()
HTTPS = {"base_url": "https://shop.example"}
said = []

def token():
    page = client.get("/login", **HTTPS).get_data(as_text=True)
    return {"X-CSRFToken": page.split('name="csrf-token" content="', 1)[1].split('"', 1)[0]}

def post(path, **what):
    return client.post(path, headers=token(), **what, **HTTPS)

assert app.test_cli_runner().invoke(args=["init-db"]).exit_code == 0
said.append(client.get("/", **HTTPS).status_code)  # no goods yet
assert app.test_cli_runner().invoke(args=["seed"]).exit_code == 0
post("/signup", data={"email": "buyer@shop.example", "password": "long-enough", "consent": "on", "agree": "on"})
post("/cart/items", data={"product_id": 1, "quantity": 1})
who = {"buyer_name": "홍길동", "buyer_tel": "01012345678", "buyer_email": "buyer@shop.example"}
where = {"buyer_addr": "서울시 중구 세종대로 110", "buyer_postcode": "04524"}
asked = post("/checkout", json={"kind": "once", **who, **where})
said.append(asked.status_code)
payment = asked.json["request_pay"]
with app.app_context():
    provider.hears_of(payment["merchant_uid"], amount=payment["amount"])
said.append(client.post("/payment/complete", json={"merchant_uid": payment["merchant_uid"]}, **HTTPS).json["outcome"])
for page in ("/orders/1", "/subscriptions"):
    said.append(client.get(page, **HTTPS).status_code)
print(json.dumps(said))
"""


def test_without_the_demo_and_the_sandbox_a_live_shop_starts_and_sells(tmp_path: Path) -> None:
    without = shutil.ignore_patterns("demo", "__pycache__")
    for folder in ("payments", "shop", "templates", "static"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=without)
    shutil.copy(ROOT / "app.py", tmp_path)
    shutil.copy(ROOT / "tests" / "payments" / "fakes.py", tmp_path)
    instance = tmp_path / "instance"
    instance.mkdir()
    command = [sys.executable, "-c", SELL_ONE_THING, json.dumps(LIVE), str(instance)]
    sold = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=100)
    assert sold.returncode == 0, sold.stderr
    assert json.loads(sold.stdout.splitlines()[-1]) == [200, 200, "paid", 200, 200]
