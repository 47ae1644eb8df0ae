"""The sandbox as `pip install .` brings it: alone, with all of its files, and without traces in the checkout."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import requests

from tests.sandbox.conftest import ASKED
from tests.sandbox.test_command import started
from tests.sandbox.test_processes import token

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_folder_of_the_sandbox_is_a_package_that_is_installed() -> None:
    folders = [path.parent.relative_to(ROOT / "sandbox").parts for path in (ROOT / "sandbox").rglob("__init__.py")]
    packages = sorted(".".join(["portone_sandbox", *parts]) for parts in folders)
    assert PROJECT["tool"]["setuptools"]["packages"] == packages, "[tool.setuptools] packages in pyproject.toml"


def test_only_flask_and_requests_are_needed() -> None:
    names = {re.split(r"[<>=!~]", needed)[0] for needed in PROJECT["project"]["dependencies"]}
    assert names == {"flask", "requests"}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository's files in a repository of their own, everything committed."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT).splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    run("git", "init", "--quiet", cwd=folder)
    run("git", "add", "--all", cwd=folder)
    run("git", "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "-m", "all", cwd=folder)
    return folder


@pytest.fixture(scope="module")
def commands(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of a new virtualenv into which the checkout was installed."""
    folder = tmp_path_factory.mktemp("venv")
    run(sys.executable, "-m", "venv", folder, cwd=folder)
    run(folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", ".", cwd=checkout)
    return folder / "bin"


@pytest.mark.slow
def test_the_wheel_holds_the_files_of_the_sandbox_and_nothing_else(checkout: Path, tmp_path: Path) -> None:
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--wheel-dir", tmp_path]
    run(sys.executable, "-m", "pip", "wheel", *options, ".", cwd=checkout)
    [wheel] = tmp_path.glob("*.whl")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    tracked = run("git", "ls-files", "sandbox", cwd=checkout).splitlines()
    assert held == {f"portone_{name}" for name in tracked}
    assert wheel.name.startswith("portone_sandbox-")


@pytest.mark.slow
def test_installing_leaves_nothing_that_git_would_show(checkout: Path, commands: Path) -> None:
    assert run("git", "status", "--porcelain", cwd=checkout) == ""


@pytest.mark.slow
def test_the_installed_command_takes_a_payment_and_a_look_up_finds_it(commands: Path, tmp_path: Path) -> None:
    command = commands / "portone-sandbox"
    assert run(command, "--version", cwd=tmp_path).startswith("portone-sandbox ")
    with started([str(command)], tmp_path) as (_, address):
        paid = requests.post(f"{address}/controls/payments", json=ASKED, timeout=20).json()
        found = requests.get(
            f"{address}/payments/{paid['imp_uid']}?include_sandbox=true",
            headers={"Authorization": token(address)},
            timeout=20,
        ).json()
        assert found["response"]["status"] == "paid"
        for path in ("/v1/iamport.js", "/controls/", "/static/window.svg"):
            assert requests.get(address + path, timeout=20).status_code == 200, path
    assert (tmp_path / "portone-sandbox.sqlite3").exists()


@pytest.mark.slow
def test_installed_packages_are_those_of_flask_and_requests(commands: Path, tmp_path: Path) -> None:
    listed = run(commands / "pip", "list", "--format=freeze", "--disable-pip-version-check", cwd=tmp_path)
    names = {line.partition("==")[0].lower().replace("_", "-") for line in listed.splitlines()}
    brought = {"blinker", "click", "itsdangerous", "jinja2", "markupsafe", "werkzeug"}
    brought |= {"certifi", "charset-normalizer", "idna", "urllib3"}
    assert names - {"pip", "setuptools"} == {"portone-sandbox", "flask", "requests", *brought}
