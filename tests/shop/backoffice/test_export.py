"""Tables to download."""

from payments import clock
from payments.reconcile import compare
from shop.backoffice.export import differences_csv
from shop.orders.models import User
from tests.payments.fakes import FakeProvider
from tests.shop.bought import paid


def test_the_report_is_a_table(provider: FakeProvider, buyer: User) -> None:
    payment = paid(provider, buyer)
    provider.reports.clear()
    differences = compare(provider, clock.today(), clock.today())
    header, line = differences_csv(differences).splitlines()
    assert header == "kind,merchant_uid,imp_uid,ours,theirs,our_amount,their_amount"
    assert (
        line == f"ours_only,{payment.merchant_uid},{payment.imp_uid},paid,'-,{payment.amount},0"
    )  # a minus might begin a formula
