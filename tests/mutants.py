"""Deliberately broken variants of the shop, and the tests that must notice: `make mutants`.

One for every class of `test_pitfalls.py` and at least one for every money law. Each names a text of the code, what
stands there instead, and the tests of which one must fail. A text that is no longer there is an error as well: then
this table has to follow the code. `--check` looks for the texts only.
"""

import argparse
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DID_NOT_RUN = 99
TESTS_FAILED = 1  # pytest's exit status; 0: all passed, others: they did not run


@dataclass(frozen=True)
class Mutant:
    name: str
    tests: str  # test ids below tests/, separated by blanks
    edits: tuple[tuple[str, str, str], ...]  # file, text, what stands there instead


def pitfall(test: str, *edits: tuple[str, str, str]) -> Mutant:
    return Mutant(f"pitfall {test.replace('_', ' ')}", f"test_pitfalls.py::test_{test}", edits)


DECISION, BOOKS, PAYMENTS, PORTONE = "shop/decision.py", "shop/books.py", "shop/payments.py", "shop/portone.py"
SURPLUS_CHECK = "    if _has_money(payment) and report.imp_uid == payment.imp_uid:\n        return Decision"
PAYMENT_PAID_STATES = """        "paid": ("cancelled",),
        "cancelled": (),
    }

    id: Mapped[int] = mapped_column(primary_key=True)
    merchant_uid"""
REDIRECT_DOOR = '''the whole page came back; go on to the order, or explain."""
'''
ASKS_FOR_LOGIN = """    from flask_login import current_user

    if not current_user.is_authenticated:
        return redirect(url_for("account.login"))
"""

PITFALLS = (
    pitfall(
        "01_unbound_id",
        (BOOKS, "_named_by([report]).get(report.merchant_uid)", "next(iter(db.session.query(Payment)), None)"),
    ),
    pitfall("02_wrong_status", (DECISION, 'if report.status == "paid":', 'if report.status in ("paid", "failed"):')),
    pitfall("03_wrong_amount_kept", (DECISION, '{"amount", "currency",', '{"currency",')),
    pitfall("04_aimed_cancel", (PAYMENTS, "if result.surplus:", 'if result.surplus or result.outcome == "mismatch":')),
    pitfall("05_cancel_forgotten", (PAYMENTS, "        request_cancel(payment, reason)\n", "")),
    pitfall(
        "06_client_price",
        (
            "shop/store.py",
            "        payment = payments.start_payment(provider(), order, consent)\n",
            "        payment = payments.start_payment(provider(), order, consent)\n"
            '        payment.amount = asked.get("amount") or payment.amount\n',
        ),
    ),
    pitfall("07_open_charge", ("shop/admin.py", "    if not current_user.is_staff:\n        abort(404)\n", "")),
    pitfall(
        "08_unanswered_webhook",
        (
            "shop/results.py",
            '503 if result.outcome == "unknown" else 200',
            '404 if result.outcome == "not_found" else 200',
        ),
    ),
    pitfall(
        "09_forged_webhook",
        (
            PAYMENTS,
            "    return take(provider, report, key, news)\n",
            '    report = replace(report, status=news.claimed.get("status", report.status))\n'
            "    return take(provider, report, key, news)\n",
        ),
    ),
    pitfall("10_duplicate_delivery", (DECISION, SURPLUS_CHECK, "    if False:\n        return Decision")),
    pitfall(
        "11_callback_webhook_race",
        ("shop/database.py", "    session.expire_all()\n", ""),
        ("shop/models.py", "model.status.in_(sources)", "model.id == row_id"),
    ),
    pitfall(
        "12_late_failure",
        (DECISION, 'payment.status == "ready" and not _has_money(payment):', "payment.id:"),
        (
            "shop/models.py",
            PAYMENT_PAID_STATES,
            PAYMENT_PAID_STATES.replace('("cancelled",)', '("cancelled", "failed")'),
        ),
    ),
    pitfall(
        "13_get_side_effect",
        (
            "shop/store.py",
            '@bp.post("/orders/<int:order_id>/cancel")',
            '@bp.route("/orders/<int:order_id>/cancel", methods=["GET", "POST"])',
        ),
    ),
    pitfall(
        "14_cross_user_view", ("shop/store.py", "found is None or found.user_id != current_user.id", "found is None")
    ),
    pitfall("15_double_charge", ("shop/billing.py", "if not attempt.is_new:", "if False:")),
    pitfall(
        "16_runaway_schedule",
        (
            "shop/subscriptions.py",
            ".values(next_charge_on=next_day)",
            ".values(next_charge_on=Subscription.next_charge_on)",
        ),
    ),
    Mutant(
        "pitfall 17 stopped batch",
        "test_cli.py::test_a_bug_in_one_subscription_stops_nobody_else_and_shows_in_the_exit_status",
        (
            (
                "shop/runs.py",
                "    except Exception:\n        if len(items)",
                "    except LookupError:\n        if len(items)",
            ),
        ),
    ),
    pitfall(
        "18_overwritten_cancel_total", (BOOKS, '"cancelled_amount": report.cancelled_amount', '"cancelled_amount": 0')
    ),
    pitfall("19_expired_token", (PORTONE, "if answer.status_code == 401:  #", "if answer.status_code == 418:  #")),
    pitfall("20_no_time_out", (PORTONE, "(CONNECT_SECONDS, read_seconds)", "(CONNECT_SECONDS, 60.0)")),
    pitfall(
        "21_http_status_believed",
        (PORTONE, "if code != 0 or answer.status_code >= 400:", "if answer.status_code >= 400:"),
    ),
    pitfall(
        "22_script_injection",
        ("shop/web.py", 'return str(getattr(row, f"{name}_', 'return Markup(getattr(row, f"{name}_'),
    ),
    pitfall(
        "23_broken_result_page", ("shop/request_pay.py", '"amount": payment.amount', '"amount": str(payment.amount)')
    ),
    pitfall("24_unstartable_sample", ("app.py", "            upgrade()\n", "")),
    pitfall(
        "25_secrets_in_code",
        ("shop/config.py", 'SANDBOX_API_SECRET = "sandbox_secret"', 'SANDBOX_API_SECRET = "%s"' % ("9f" * 16)),
    ),
    pitfall("26_debug_in_the_image", ("shop/config.py", 'if _truth("FLASK_DEBUG", debug):', "if False:")),
    pitfall(
        "27_pay_without_paying",
        ("app.py", "    if not settings.live:\n        prepare_demo", "    if settings:\n        prepare_demo"),
    ),
    pitfall("28_test_channel_goods", (DECISION, "if report.is_test_channel != payment.is_test_channel:", "if False:")),
    pitfall(
        "29_secret_spread",
        (
            "shop/config.py",
            'return f"Settings(live={self.live},',
            'return f"Settings({self.api_secret} live={self.live},',
        ),
    ),
    pitfall(
        "30_assert_as_security",
        (
            BOOKS,
            "    if refusal_to_cancel(payment, clock.now()):\n        return False\n",
            "    assert not refusal_to_cancel(payment, clock.now())\n",
        ),
    ),
    pitfall("31_session_lost", ("shop/results.py", REDIRECT_DOOR, REDIRECT_DOOR + ASKS_FOR_LOGIN)),
    pitfall("32_card_only_support", (PORTONE, "def delete_billing_key(", "def delete_billing_key_some_day(")),
)

LAWS = (
    Mutant(
        "law 1: held money is kept without asking PortOne",
        "test_payments_cancel.py::test_money_that_went_back_meanwhile_cannot_be_kept",
        (
            (
                PAYMENTS,
                "    asked = sync_payment(provider, replace(news,",
                "    asked = SyncResult(*('unchanged', '')) if news else sync_payment(provider, replace(news,",
            ),
        ),
    ),
    Mutant(
        "law 2: money in another currency",
        "test_decision.py::test_the_wrong_money_is_paid_and_held",
        ((DECISION, 'if report.currency != "KRW":', "if False:"),),
    ),
    Mutant(
        "law 2: another method",
        "test_decision.py::test_another_kind_of_payment_waits_for_a_person_and_is_not_called_paid",
        ((DECISION, 'if report.pay_method != "phone":', "if False:"),),
    ),
    Mutant(
        "law 2: another billing key",
        "test_decision.py::test_another_kind_of_payment_waits_for_a_person_and_is_not_called_paid",
        ((DECISION, "if report.customer_uid != payment.customer_uid:", "if False:"),),
    ),
    Mutant(
        "law 3: the row moves from whichever state it is in",
        "test_orders.py test_decision.py test_payments.py test_money_laws.py test_subscriptions.py",
        (("shop/models.py", "model.status.in_(sources)", "model.id == row_id"),),
    ),
    Mutant(
        "law 3: an order is read unlocked before it is replaced",
        "test_races.py::test_an_order_that_is_paid_while_the_cart_changes_stays_paid",
        (("shop/orders.py", "pending.with_for_update()", "pending"),),
    ),
    Mutant(
        "law 3: stock without its guard",
        "test_money_laws.py::test_law_3_stock_is_not_oversold_by_many_buyers_at_once",
        (("shop/orders.py", "Product.stock >= quantity", "Product.id == product.id"),),
    ),
    Mutant(
        "law 4: money that cannot be honoured is kept silently",
        "test_payments_cancel.py::test_a_second_window_of_a_paid_payment_is_given_back_by_its_own_id"
        " test_payments.py::test_a_second_subscription_to_the_same_plan_is_given_back",
        ((PAYMENTS, "elif result.give_back and result.payment:", "elif False:"),),
    ),
    Mutant(
        "law 4: money that is held is forgotten for another window's news",
        "test_decision.py::test_news_of_another_window_never_takes_the_place_of_money_that_is_held",
        ((DECISION, 'in ("paid", "cancelled") or payment.held_reason is not None', 'in ("paid", "cancelled")'),),
    ),
    Mutant(
        "law 4: the cancel of a surplus cancels the order",
        "test_payments.py::test_cancelling_a_surplus_payment_leaves_the_paid_order_alone",
        (("shop/orders.py", "if order.paid_by != merchant_uid or not move(", "if not move("),),
    ),
    Mutant(
        "law 5: PortOne is asked inside a transaction",
        "test_pitfalls.py::test_06_client_price",
        ((PAYMENTS, "    provider.prepare(payment.merchant_uid", "        provider.prepare(payment.merchant_uid"),),
    ),
    Mutant(
        "law 6: the month of issue is charged again",
        "test_billing.py::test_the_month_of_issue_is_never_charged_again",
        (("shop/subscriptions.py", "next_charge_on=charge_day(anchor, anchor.day)", "next_charge_on=anchor"),),
    ),
    Mutant(
        "law 7: short months move the day for good",
        "test_subscriptions.py::test_the_day_is_clamped_to_short_months_and_comes_back",
        (("shop/subscriptions.py", "min(anchor_day, calendar", "min(anchor_day, last.day, calendar"),),
    ),
    Mutant(
        "law 8: another month's money is asked back",
        "test_payments_cancel.py::test_another_month_is_refused_before_portone_is_asked",
        ((DECISION, "if period_of(payment.paid_at) != period_of(moment):", "if False:"),),
    ),
    Mutant(
        "law 9: amounts as text",
        "test_pitfalls.py::test_23_broken_result_page",
        (("shop/request_pay.py", '"amount": payment.amount', '"amount": f"{payment.amount}"'),),
    ),
    Mutant(
        "law 10: a failed window hides the paid one",
        "test_sweep.py::test_a_window_that_failed_does_not_hide_the_next_one_that_was_paid",
        (
            (
                "shop/sweep.py",
                'Payment.status.in_(("ready", "failed")) & window',
                '(Payment.status == "ready") & window',
            ),
        ),
    ),
    Mutant(
        "law 10: an interrupted cancel is forgotten",
        "test_sweep.py::test_a_cancel_that_was_interrupted_is_finished",
        (("shop/sweep.py", "Payment.cancel_requested_at.is_not(None) &", "Payment.cancel_requested_at.is_(None) &"),),
    ),
    Mutant(
        "law 10: orders expire though nobody could tell",
        "test_sweep.py::test_while_nobody_can_tell_nothing_expires",
        (
            (
                "shop/sweep.py",
                "ids = set(db.session.scalars(late)) - set(db.session.scalars(unheard))",
                "ids = set(db.session.scalars(late))",
            ),
        ),
    ),
    Mutant(
        "one broken row stops the sweep",
        "test_sweep.py::test_what_breaks_at_one_payment_stops_none_of_the_others",
        (
            (
                "shop/sweep.py",
                "    except Exception:\n        db.session",
                "    except LookupError:\n        db.session",
            ),
        ),
    ),
    Mutant(
        "before the money: any price may be approved",
        "test_payments_cancel.py::test_a_window_may_go_on_only_at_our_price",
        ((DECISION, "    if amount != payment.amount:\n", "    if False:\n"),),
    ),
)
MUTANTS = PITFALLS + LAWS


def missing() -> list[str]:
    """The texts that are no longer in the code, or stand there more than once."""
    found = []
    for mutant in MUTANTS:
        for file, old, _ in mutant.edits:
            count = (ROOT / file).read_text().count(old)
            if count != 1:
                found.append(f"{mutant.name}: {count} times in {file}: {old.strip()}")
    return found


# Loaded once here and shared by every test run, which is a fork of this process: starting costs more than testing.
# Nothing of the shop, the sandbox or the tests: those a run imports from its own copy.
SHARED = "alembic flask_babel flask_login flask_migrate flask_sqlalchemy flask_wtf limits playwright.sync_api psycopg requests"


def begin(mutant: Mutant, copy: Path) -> int:
    """Change the copy and start its tests; the id of the process, whose status is pytest's."""
    for file, old, new in mutant.edits:
        (copy / file).write_text((copy / file).read_text().replace(old, new))
    sys.stdout.flush()
    process = os.fork()
    if process:
        return process
    try:  # from here on in the child, which never returns
        os._exit(_tests_in(copy, mutant.tests.split()))
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(DID_NOT_RUN)


def _tests_in(copy: Path, tests: Sequence[str]) -> int:
    with (copy / "output").open("w") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    os.chdir(copy)
    sys.path[:] = [str(copy), *(path for path in sys.path if path and Path(path) != ROOT)]
    for name in [name for name in sys.modules if name.split(".")[0] == "tests"]:
        del sys.modules[name]
    status = int(pytest.main(["-q", "-x", "--no-header", *(f"tests/{test}" for test in tests)]))
    sys.stdout.flush()
    return status


def end(mutant: Mutant, copy: Path, status: int) -> str:
    """`killed`, `survived`, or that its tests did not run; the copy is whole again."""
    for file, _, _ in mutant.edits:
        shutil.copy(ROOT / file, copy / file)
    if status == TESTS_FAILED:
        return "killed"
    return "survived" if status == 0 else f"did not run ({status}):\n{(copy / 'output').read_text()[-2000:]}"


def verdicts(chosen: Sequence[Mutant], jobs: int) -> Iterator[str]:
    """What became of each, so many at a time, as they end."""
    for name in SHARED.split():
        importlib.import_module(name)
    waiting, running = list(chosen), {}
    with copies(jobs) as free:
        while waiting or running:
            while waiting and free:
                mutant, copy = waiting.pop(0), free.pop()
                running[begin(mutant, copy)] = (mutant, copy)
            process, status = os.wait()
            mutant, copy = running.pop(process)
            free.append(copy)
            told = end(mutant, copy, os.waitstatus_to_exitcode(status))
            print(f"{told:<9} {mutant.name}", flush=True)
            yield told


@contextmanager
def copies(count: int) -> Iterator[list[Path]]:
    """Copies of all that git knows or would take; repositories too, as one of the tests asks git."""
    listing = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    free: list[Path] = []
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        for number in range(count):
            copy = Path(folder) / str(number)
            for name in filter(None, names):
                if (ROOT / name).is_file():
                    (copy / name).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(ROOT / name, copy / name)
            subprocess.run(["git", "init", "-q"], cwd=copy, check=True)
            subprocess.run(["git", "add", "-A"], cwd=copy, check=True)
            free.append(copy)
        yield free


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only see whether every text is still there")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="those whose name holds this")
    options = parser.parse_args()
    gone = missing()
    print(*gone, sep="\n", end="\n" if gone else "")
    if options.check or gone:
        return 1 if gone else 0
    chosen = [mutant for mutant in MUTANTS if options.only in mutant.name]

    told = list(verdicts(chosen, options.jobs))
    print(f"{len(chosen)} mutants, {told.count('killed')} killed")
    return 0 if told.count("killed") == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
