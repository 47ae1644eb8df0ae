"""The sandbox as `pip install` brings it, as docs/sandbox-for-your-shop.md says, whose commands and code are run."""

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.sandbox.api.test_clients import NPM, PYPI
from tests.sandbox.conftest import ASKED
from tests.sandbox.test_command import started
from tests.sandbox.test_processes import token

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "sandbox-for-your-shop.md").read_text()
INSTALL_AND_START, CURL = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
FILES = re.findall(r"^```python\n# file: (\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def run(*command: str | Path, cwd: Path, **environ: str) -> str:
    """Run a program without this project on its path; what it printed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST", "COV"))}
    done = subprocess.run(
        [*map(str, command)], cwd=cwd, env=kept | environ, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_folder_of_the_sandbox_is_a_package_that_is_installed() -> None:
    folders = [path.parent.relative_to(ROOT / "sandbox").parts for path in (ROOT / "sandbox").rglob("__init__.py")]
    packages = sorted(".".join(["portone_sandbox", *parts]) for parts in folders)
    assert PROJECT["tool"]["setuptools"]["packages"] == packages, "[tool.setuptools] packages in pyproject.toml"


def test_both_languages_of_the_page_have_the_same_commands_and_code() -> None:
    english = (ROOT / "docs" / "sandbox-for-your-shop.en.md").read_text()
    blocks = [re.findall(r"^```(?:sh|python)\n.*?^```$", text, re.MULTILINE | re.DOTALL) for text in (PAGE, english)]
    assert len(blocks[0]) == len(FILES) + 2
    assert blocks[0] == blocks[1]


def test_the_page_names_the_clients_that_the_tests_run_with_their_versions() -> None:
    api = ROOT / "tests" / "sandbox" / "api"
    python = dict(re.findall(r"^([\w-]+)==([\d.]+)$", (api / "clients-requirements.txt").read_text(), re.MULTILINE))
    node = json.loads((api / "npm-clients" / "package.json").read_text())["dependencies"]
    rows = {row.split("|")[1].strip() for row in PAGE.splitlines() if row.endswith("| 예 |")}
    assert rows == {f"Python `{name}` {python[name]}" for name in PYPI} | {
        f"Node `{name}` {node[name]}" for name in NPM
    }


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
def folder(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that was empty, after the page's commands up to the one that starts the sandbox."""
    folder = tmp_path_factory.mktemp("shop")
    make, install, _ = INSTALL_AND_START.splitlines()
    run(sys.executable, *make.removeprefix("python3 ").split(), cwd=folder)
    run(*install.replace("../this-repository", str(checkout)).split(), "--quiet", cwd=folder)
    return folder


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
def test_installing_leaves_nothing_that_git_would_show(checkout: Path, folder: Path) -> None:
    assert (folder / ".venv" / "bin" / "portone-sandbox").exists()
    assert run("git", "status", "--porcelain", cwd=checkout) == ""


@pytest.mark.slow
def test_the_installed_command_takes_a_payment_and_a_look_up_finds_it(folder: Path) -> None:
    command = INSTALL_AND_START.splitlines()[-1].split()
    assert run(command[0], "--version", cwd=folder).startswith("portone-sandbox ")
    with started(command, folder) as (_, address):
        paid = requests.post(f"{address}/controls/payments", json=ASKED, timeout=20).json()
        found = requests.get(
            f"{address}/payments/{paid['imp_uid']}?include_sandbox=true",
            headers={"Authorization": token(address)},
            timeout=20,
        ).json()
        assert found["response"]["status"] == "paid"
        for path in ("/v1/iamport.js", "/controls/", "/static/window.svg"):
            assert requests.get(address + path, timeout=20).status_code == 200, path
        answers = curl(address)
        assert answers[0] == {"reset": True}
        assert answers[-1]["deliveries"][0]["body"]["imp_uid"] == answers[1]["imp_uid"]
    assert (folder / "portone-sandbox.sqlite3").exists()


def curl(address: str) -> list[dict[str, Any]]:
    """Run the page's curl lines against this sandbox, with a shop where nobody listens; the answers."""
    script = CURL.replace("S=http://127.0.0.1:5001", f"S={address}").replace("localhost:3000", "127.0.0.1:9")
    script = "set -e\n" + script.replace("curl ", "curl -sS --fail-with-body --noproxy '*' -w '\\n' ")
    answers = run("bash", "-c", script, cwd=ROOT).splitlines()
    return [json.loads(line) for line in answers if line]


@pytest.mark.slow
def test_the_pages_tests_pass_with_the_installed_fixture(folder: Path, tmp_path: Path) -> None:
    pip = [folder / ".venv" / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check"]
    run(*pip, "--target", tmp_path / "site", f"pytest=={pytest.__version__}", cwd=tmp_path)
    (tmp_path / "tests").mkdir()
    for name, text in FILES:
        (tmp_path / "tests" / name).write_text(text)
    python = [folder / ".venv" / "bin" / "python", "-W", "error::ResourceWarning", "-m", "pytest", "-q"]
    said = run(*python, cwd=tmp_path / "tests", PYTHONPATH=str(tmp_path / "site"))
    tests = "".join(text for _, text in FILES).count("\ndef test_")
    assert re.search(rf"^{tests} passed in ", said, re.MULTILINE), said


@pytest.mark.slow
def test_installed_packages_are_those_of_flask_and_requests(folder: Path) -> None:
    listed = run(folder / ".venv/bin/pip", "list", "--format=freeze", "--disable-pip-version-check", cwd=folder)
    names = {line.partition("==")[0].lower().replace("_", "-") for line in listed.splitlines()}
    brought = {"blinker", "click", "itsdangerous", "jinja2", "markupsafe", "werkzeug"}
    brought |= {"certifi", "charset-normalizer", "idna", "urllib3"}
    assert names - {"pip", "setuptools"} == {"portone-sandbox", "flask", "requests", *brought}
