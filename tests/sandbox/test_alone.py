"""The sandbox alone: copied under the name `portone_sandbox`, with nothing but Flask and requests to import."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.sandbox.conftest import ASKED
from tests.sandbox.test_processes import token, wait_for

PACKAGE = Path(__file__).parents[2] / "sandbox"

# What `pip install flask requests` brings. Everything else that this environment has installed cannot be imported.
START = """
import runpy, sys
ALLOWED = {
    "portone_sandbox", "flask", "werkzeug", "jinja2", "markupsafe", "itsdangerous", "click", "blinker",
    "requests", "urllib3", "idna", "certifi", "charset_normalizer",
}
class NothingElse:
    def find_spec(self, name, path=None, target=None):
        top = name.split(".")[0]
        if top not in ALLOWED and top not in sys.stdlib_module_names and not top.startswith("_"):
            raise ModuleNotFoundError(f"{name} is not installed", name=name)
sys.meta_path.insert(0, NothingElse())
runpy.run_module("portone_sandbox", run_name="__main__", alter_sys=True)
"""


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a process that has the package's copy and no part of this project."""
    folder = tmp_path_factory.mktemp("alone")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, folder / "site" / "portone_sandbox", ignore=ignored)
    (folder / "elsewhere").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    process = subprocess.Popen(
        [sys.executable, "-c", START, "--port", str(port)],
        cwd=folder / "elsewhere",
        env=environ | {"PYTHONPATH": str(folder / "site")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)


def test_the_sandbox_alone_grants_a_token(alone: str) -> None:
    assert len(token(alone)) == 40


def test_the_sandbox_alone_takes_a_payment_and_a_look_up_finds_it(alone: str) -> None:
    told = requests.post(f"{alone}/controls/payments", json=ASKED | {"outcome": "approve"}, timeout=10).json()
    headers = {"Authorization": token(alone)}
    address = f"{alone}/payments/{told['imp_uid']}?include_sandbox=true"
    assert requests.get(address, headers=headers, timeout=10).json()["response"]["status"] == "paid"


@pytest.mark.parametrize(
    "path", ["/v1/iamport.js", "/window/opening", "/controls/", "/controls/attacks", "/static/panel.css"]
)
def test_the_sandbox_alone_finds_its_pages_and_scripts_beside_its_code(path: str, alone: str) -> None:
    answer = requests.get(alone + path, timeout=10)
    assert answer.status_code == 200
    assert answer.text.strip()
