"""The table in the terminal: what stands in which columns."""

import pytest

from sandbox.check.report import COLUMNS, columns, labelled
from sandbox.check.texts import WORDS


@pytest.mark.parametrize("language", WORDS)
@pytest.mark.parametrize("text", ["", "결제하지 않았는데 주문이 결제된 것으로 나옵니다. " * 4])
def test_a_label_is_never_cut(language: str, text: str) -> None:
    for name in ("seen", "loss", "right", "steps", "output"):
        lines = list(labelled(WORDS[language][name], text if name in ("seen", "loss", "right") else ""))
        assert lines[0].startswith(f"  {WORDS[language][name]}")
        assert all(columns(line) <= COLUMNS for line in lines)
