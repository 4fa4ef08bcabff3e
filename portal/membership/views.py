"""Pages of membership: joining, coming by invitation, and the account as a whole."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from portal.accounts import finishing, inviting
from portal.accounts.addresses import NotAnAddress, is_taken
from portal.accounts.models import Invitation, Member
from portal.accounts.passwords import WeakPassword
from portal.accounts.profiles import NameIsALink, NoName
from portal.accounts.roles import MAY
from portal.accounts.signed_in import me, me_or_none
from portal.accounts.signing_in import end_all_devices
from portal.accounts.stepping_up import needs_fresh_sign_in
from portal.billing.entitlements import entitlement_of
from portal.billing.queries import latest_subscription
from portal.billing.standing import Standing, standing_of
from portal.billing.trying import trial_days_for
from portal.billing.wording import tax_note
from portal.core.admission import Audience, admits
from portal.core.errors import Refusal, back_to_form
from portal.core.limits import limiter
from portal.membership import inviting as invited
from portal.membership import joining
from portal.membership.forms import InvitedForm, JoinForm
from portal.membership.offering import Tier, tiers
from portal.practices.queries import told_of

bp = Blueprint("membership", __name__)
Page = str | Response | tuple[str, int] | tuple[str, int, dict[str, str]]

_BESIDE = {
    NotAnAddress: "email",
    joining.AddressTaken: "email",
    NoName: "name",
    NameIsALink: "name",
    WeakPassword: "password",
}


@bp.get("/join")
@admits(Audience.ANYONE)
def join() -> Page:
    """Plans and account on one page; whoever is signed in sees the plans and goes on without a form."""
    for_sale = tiers()
    member = me_or_none()
    if member is not None:
        return render_template(
            "membership/plans.html",
            tiers=for_sale,
            trial_days=trial_days_for(member.id),
            tax_note=tax_note(),
            standing=_standing(),
        )
    favoured = next((offer.key for tier in for_sale for offer in tier.offers if offer.favoured), "")
    return _join_page(JoinForm(data={"plan": _known(request.args.get("plan"), for_sale) or favoured}), for_sale)


@bp.post("/join")
@admits(Audience.ANYONE)
@limiter.limit("20/hour", deduct_when=lambda answer: answer.status_code != 422)  # mistyping costs nobody their place
def join_now() -> Page:
    """Make the account, sign in, and go on to the plan, or to the account without one."""
    if me_or_none() is not None:
        return redirect(url_for("membership.join"), 303)
    form, for_sale = JoinForm(), tiers()
    if not form.validate():
        return _join_page(form, for_sale), 422
    try:
        member = joining.join(name=form.name.data or "", email=form.email.data or "", password=form.password.data or "")
    except Refusal as no:
        back_to_form(form, no, _BESIDE.get(type(no)))
        taken = isinstance(no, joining.AddressTaken)
        return _join_page(form, for_sale, taken=taken), no.status, no.headers
    plan = _known(form.plan.data, for_sale)
    wanted = f"/join/{plan}" if plan else url_for("membership.account")
    answer = finishing.after_first_step(member, finishing.First.JOINED, wanted=wanted)
    flash(f"Welcome, {member.first_name}. Your account is made.", "success")  # the banner asks to confirm the address
    return answer


@bp.get("/account")
@admits(Audience.SIGNED_IN)
def account() -> str:
    """Everything about oneself, one click away."""
    told = told_of(me(), reader=me())
    return render_template("membership/account.html", standing=_standing(), told=told)


def _standing() -> Standing:
    return standing_of(me(), entitlement_of(me()), latest_subscription(me().id))


@bp.route("/invitations/<token>", methods=["GET", "POST"])
@admits(Audience.ANYONE)
@limiter.limit("30/hour", methods=["POST"])
def invitation(token: str) -> Page:
    """Opening the page accepts nothing, because office mail scanners open every link; its button does."""
    form = InvitedForm()
    try:
        found = inviting.open_one(token)
    except inviting.InvitationSpent as spent:
        return _spent(spent)
    if request.method != "POST" or not _may_accept(found, form):
        return _invitation_page(found, token, form), 422 if form.errors else 200
    try:
        if me_or_none() is not None:
            return _accept(token)
        return _let_in(invited.join_by(token, name=form.name.data or "", password=form.password.data or ""))
    except inviting.InvitationSpent as spent:
        return _spent(spent)
    except Refusal as no:
        beside = _BESIDE.get(type(no))
        back_to_form(form, no, beside if beside in form else None)
        return _invitation_page(found, token, form), no.status


def _spent(spent: inviting.InvitationSpent) -> Page:
    return render_template("membership/invitation_spent.html", problem=spent.message), spent.status


@needs_fresh_sign_in
def _accept(token: str) -> Response:
    invited.accept(token, by=me())
    return _let_in(me())


def _let_in(member: Member) -> Response:
    """Another role counts in a new session only, here and everywhere."""
    end_all_devices(member)
    return finishing.after_first_step(member, finishing.First.JOINED, wanted=url_for("membership.welcome"))


def _may_accept(found: Invitation, form: InvitedForm) -> bool:
    """A newcomer fills the form in; whoever is signed in needs the button alone."""
    return me_or_none() is not None or (not is_taken(found.email) and bool(form.validate()))


def _invitation_page(found: Invitation, token: str, form: InvitedForm) -> str:
    return render_template(
        "membership/invitation.html",
        invitation=found,
        token=token,
        form=form,
        may=MAY[found.role],
        has_account=is_taken(found.email),
    )


@bp.get("/welcome")
@admits(Audience.SIGNED_IN)
def welcome() -> str:
    """What everybody sees first, however they came in."""
    return render_template("membership/welcome.html", standing=_standing())


def _join_page(form: JoinForm, for_sale: list[Tier], *, taken: bool = False) -> str:
    return render_template(
        "membership/join.html",
        form=form,
        tiers=for_sale,
        trial_days=trial_days_for(None),
        tax_note=tax_note(),
        taken=taken,
    )


def _known(wanted: str | None, for_sale: list[Tier]) -> str:
    return wanted if wanted and wanted in {offer.key for tier in for_sale for offer in tier.offers} else ""
