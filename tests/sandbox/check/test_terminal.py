"""What both commands need of the terminal: the language, and marks that it can show."""

import io

import pytest

from sandbox.check import terminal


@pytest.mark.parametrize(
    ("environ", "language"),
    [({}, "ko"), ({"LANG": "C.UTF-8"}, "ko"), ({"LANG": "ko_KR.UTF-8"}, "ko"), ({"LANG": "en_US.UTF-8"}, "en"),
     ({"LANG": "ko_KR.UTF-8", "LC_ALL": "de_DE"}, "en")],
)  # fmt: skip
def test_the_language_is_that_of_the_terminal_else_korean(environ: dict[str, str], language: str) -> None:
    assert terminal.language_of([], environ, "utf-8") == language
    assert terminal.language_of(["--lang", "en"], environ, "utf-8") == "en"
    assert terminal.language_of(["--lang=ko"], environ, "ascii") == "ko"  # who asks for it gets it


def test_a_terminal_without_hangul_gets_english_and_plain_marks() -> None:
    assert terminal.language_of([], {"LANG": "C"}, "ascii") == "en"
    assert terminal.language_of([], {"LANG": "ko_KR"}, "cp949") == "ko"
    shown = io.BytesIO()
    stream = io.TextIOWrapper(shown, encoding="ascii")
    terminal.show_what_it_can(stream)
    stream.write("✓ ✗ – → 가")
    stream.flush()
    assert shown.getvalue() == b"+ x - > ?"
