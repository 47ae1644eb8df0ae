"""What the sandbox answers in KG's words is explained by the entries of payments/."""

import pytest

from payments.portone.error_codes import advice_for
from sandbox.ledger import kg
from sandbox.ledger.outcomes import OUTCOMES


@pytest.mark.parametrize("code", kg.TEXTS)
def test_every_text_of_kgs_book_is_found_by_its_words_alone(code: str) -> None:
    found = advice_for(kg.TEXTS[code])
    assert found and found.code == code


@pytest.mark.parametrize("outcome", [o for o in OUTCOMES if o.refusal], ids=lambda outcome: outcome.ending)
def test_every_refusal_of_a_trial_number_is_explained(outcome: object) -> None:
    found = advice_for(outcome.refusal.message)  # type: ignore[attr-defined]
    assert found and found.code == outcome.refusal.pg_code  # type: ignore[attr-defined]
