"""The tables of billing keys hold what PortOne says of them."""

import pytest
from sqlalchemy import String

from payments.monthly.models import BillingKey
from payments.portone.responses import LONGEST


@pytest.mark.parametrize("field", ["customer_uid", "pg_provider", "pg_id"])
def test_the_border_cuts_no_text_longer_than_its_column(field: str) -> None:
    kind = getattr(BillingKey, field).type
    assert isinstance(kind, String)
    assert LONGEST[field] <= (kind.length or 80)  # no column without a length is meant for more
