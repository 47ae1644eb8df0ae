"""Pages of the buyer's account: sign-up, login, logout, language and subscriptions."""

from flask import Blueprint, abort, flash, make_response, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import LoginManager, current_user, login_user, logout_user
from flask_wtf import FlaskForm
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from werkzeug.security import check_password_hash, generate_password_hash
from werkzeug.wrappers import Response as AnyResponse
from wtforms import BooleanField, EmailField, Field, PasswordField
from wtforms.validators import DataRequired, Length, ValidationError

from payments import clock
from payments.database import db, find_locked, transaction
from payments.monthly import charging, subscriptions
from payments.monthly.billing_month import month_of
from payments.monthly.models import Subscription
from shop.orders import messages
from shop.orders.buyer_input import InvalidText, checked_email, normal_email
from shop.orders.models import User
from shop.orders.order_payments import orders_with_request
from shop.orders.plans import is_usable, plans_by_ref, usable_until
from shop.web import guest_cart
from shop.web.common import LANGUAGES, local_page, login_required, provider, settings
from shop.web.labels import field_label

from . import cart_changes, rate_limits
from .month_rows import month_rows

bp = Blueprint("account", __name__)
login_manager = LoginManager()
login_manager.login_view = "account.login"
login_manager.login_message = _l("로그인이 필요합니다.")
login_manager.login_message_category = "info"

LANGUAGE_COOKIE_SECONDS = 365 * 24 * 3600

HASH_METHOD = "scrypt:32768:8:1"  # 32 MiB and about a tenth of a second for each guess

# Checked when no account has that e-mail, so that the response takes as long as for a wrong password.
_NOBODYS_HASH = f"{HASH_METHOD}$sBT9mLyYkUdPXWb0$" + "0" * 128


class CredentialsForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    # Normalised before anything reads it: the rate limits count all spellings of an address as one.
    email = EmailField(
        _l("이메일"), [DataRequired(_l("이메일을 입력해 주세요."))], filters=[lambda typed: normal_email(typed or "")]
    )
    password = PasswordField(
        _l("비밀번호"),
        [
            DataRequired(_l("비밀번호를 입력해 주세요.")),
            Length(max=200, message=_l("비밀번호는 200자 이하여야 합니다.")),
        ],
    )

    def validate_email(self, field: Field) -> None:
        try:
            checked_email(field.data)
        except InvalidText as wrong:
            raise ValidationError(field_label(wrong)) from wrong


class SignUpForm(CredentialsForm):
    password = PasswordField(
        _l("비밀번호"),
        [
            DataRequired(_l("비밀번호를 입력해 주세요.")),
            Length(8, 200, _l("비밀번호는 8자 이상 200자 이하여야 합니다.")),
        ],
    )
    terms = BooleanField(_l("만 14세 이상이며 이용약관에 동의합니다. (필수)"))
    privacy = BooleanField(_l("개인정보 수집·이용에 동의합니다. (필수)"))

    def validate_terms(self, field: Field) -> None:
        _require_consent(field)

    def validate_privacy(self, field: Field) -> None:
        _require_consent(field)


def _require_consent(field: Field) -> None:
    """Require the consent if the page asked for it; a client that sends only the credentials was not asked."""
    if "consents_asked" in request.form and not field.data:
        raise ValidationError(_("동의하셔야 가입할 수 있습니다."))


@login_manager.user_loader  # type: ignore[untyped-decorator]
def load_user(user_id: str) -> User | None:
    """Load the user that a session cookie names."""
    return db.session.get(User, int(user_id))


@bp.route("/login", methods=["GET", "POST"])
def login() -> AnyResponse | str | tuple[str, int]:
    """Sign in and redirect to the page that the visitor asked for, else staff to the back office."""
    form = CredentialsForm(request.form)  # not a JSON body, which Flask-WTF would read as well
    destination = local_page(request.values.get("next"), "")
    if request.method != "POST":
        return render_template("account/login.html", form=form, next=destination)
    email, password = form.email.data or "", form.password.data or ""
    well_formed = form.validate()
    if not (email and password):  # the page names the empty field; nothing was guessed
        return render_template("account/login.html", form=form, next=destination), 400
    rate_limits.check_sign_in(email)
    user = _user_with(email, password) if well_formed else None
    if user is None:
        flash(_("이메일 또는 비밀번호가 맞지 않습니다."), "error")
        return render_template("account/login.html", form=form, next=destination), 400
    rate_limits.take_back_sign_in(email)
    return _enter(user, destination or url_for("admin.index" if user.is_staff else "store.index"))


@bp.route("/signup", methods=["GET", "POST"])
def signup() -> AnyResponse | str | tuple[str, int]:
    """Open an account and sign in with it."""
    form = SignUpForm(request.form)
    destination = local_page(request.values.get("next"), url_for("store.index"))
    if request.method != "POST":
        return render_template("account/signup.html", form=form, next=destination)
    if not form.validate():
        return render_template("account/signup.html", form=form, next=destination), 400
    email = form.email.data or ""
    rate_limits.check_sign_up()
    rate_limits.check_sign_in(email)  # somebody may be trying addresses to find those with an account
    try:
        user = create_user(email, form.password.data or "")
    except IntegrityError:
        form.email.errors = [_("이미 가입된 이메일입니다.")]
        return render_template("account/signup.html", form=form, next=destination), 400
    rate_limits.take_back_sign_in(email)
    return _enter(user, destination)


@bp.post("/logout")
@login_required
def logout() -> AnyResponse:
    """Sign out."""
    logout_user()
    session.clear()
    flash(_("로그아웃했습니다."), "info")
    return redirect(url_for("store.index"))


@bp.post("/language")
def language() -> AnyResponse:
    """Remember the language that the reader chose."""
    chosen = request.form.get("language", "")
    response = make_response(redirect(local_page(request.form.get("next"), url_for("store.index"))))
    if chosen in LANGUAGES:
        if current_user.is_authenticated:
            user_id = current_user.id
            with transaction():
                messages.use_language(user_id, chosen)
        response.set_cookie(
            "language", chosen, max_age=LANGUAGE_COOKIE_SECONDS, secure=settings().https, samesite="Lax", httponly=True
        )
    return response


@bp.get("/subscriptions", endpoint="subscriptions")
@login_required
def my_subscriptions() -> str:
    """Show the buyer's subscriptions and the months paid."""
    mine = subscriptions.subscriptions_of(current_user.id)
    coming, now = {one.id: month_of(one) for one in mine}, clock.now()
    return render_template(
        "account/subscriptions.html",
        subscriptions=mine,
        coming=coming,
        standing={subscription_id: month.standing(now) for subscription_id, month in coming.items() if month},
        now=now,
        plans=plans_by_ref(),
        months={subscription.id: month_rows(subscriptions.months_of(subscription)) for subscription in mine},
        until={subscription.id: usable_until(subscription) for subscription in mine},
        usable={subscription.id for subscription in mine if is_usable(subscription)},
        cancel_wanted=orders_with_request(current_user.id),
    )


@bp.post("/subscriptions/<int:subscription_id>/end")
@login_required
def end_subscription(subscription_id: int) -> AnyResponse:
    """End a subscription of the buyer's: paid months are not refunded, and nothing more is charged."""
    customer_ref = str(current_user.id)
    with transaction():
        found = find_locked(Subscription, subscription_id)
        is_own = found is not None and found.customer_ref == customer_ref
        if found is None or not is_own or found.status == "pending":  # a pending one is not shown
            abort(404)
        subscriptions.end(found, "by_buyer", clock.now())
    charging.delete_ended_keys(provider())  # the next run deletes a key if PortOne does not respond now
    flash(_("구독을 끝냈습니다. 더 이상 청구되지 않습니다."), "success")
    return redirect(url_for("account.subscriptions"))


def create_user(email: str, password: str, role: str = "buyer") -> User:
    """Create an account. Raises IntegrityError if the e-mail has one already."""
    user = User(email=email.strip().lower(), password_hash=generate_password_hash(password, HASH_METHOD), role=role)
    with transaction():
        db.session.add(user)
    return user


def _user_with(email: str, password: str) -> User | None:
    user = db.session.scalar(select(User).filter_by(email=email.strip().lower()))
    matches = check_password_hash(user.password_hash if user else _NOBODYS_HASH, password)
    if user and matches and not user.password_hash.startswith(HASH_METHOD):
        _hash_anew(user.id, password)
    return user if matches else None


def _hash_anew(user_id: int, password: str) -> None:
    """Hash a password again with the current method, at login, when its plain text is known."""
    with transaction():
        db.session.get_one(User, user_id).password_hash = generate_password_hash(password, HASH_METHOD)


def _enter(user: User, destination: str) -> AnyResponse:
    """Start a new session for the user, and put what the visitor had chosen into the cart."""
    chosen = guest_cart.lines()
    session.clear()  # against session fixation: nothing planted before the login survives it
    login_user(user)
    cart_changes.merge(user.id, chosen)
    response = redirect(destination)
    rate_limits.remember_browser(response, user.email)
    return response
