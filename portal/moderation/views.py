"""Pages of moderation: rulings, the log, the summary for members. Flagging is in flag_pages.py, the queue in
queue_pages.py."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request
from werkzeug.exceptions import NotFound

from portal.accounts.models import Member
from portal.accounts.signed_in import me
from portal.conversations.models import Post, Thread
from portal.conversations.post_queries import post_for
from portal.conversations.thread_queries import thread_for
from portal.core import locales
from portal.core.admission import Audience, admits, audiences
from portal.core.db import one_or_404
from portal.core.errors import Refusal, back_to_form
from portal.core.web import local_path, reader_manner, whole_number
from portal.library.models import Nugget
from portal.moderation import (
    further_rulings,
    narrowing,
    queries,
    replying,
    ruling,
    ruling_and_sanctioning,
    summing_up,
)
from portal.moderation.asking_along import asked_along, seldom_along, told_along
from portal.moderation.forms import RulingForm
from portal.moderation.models import Thing
from portal.moderation.ruling_and_sanctioning import Rule
from portal.moderation.showing import case_page, thing_or_404

bp = Blueprint("moderation", __name__)

RECORDS_A_PAGE = 50
Answer = Any  # what Flask takes: text, text with a status, or a response

_POST = "/posts/<int(max=2147483647):post_id>"  # larger is no id of ours, and no database's integer
_THREAD = "/threads/<int(max=2147483647):thread_id>"
_DONE = {
    "keep": "It stays. The flags are settled.",
    "hide": "Hidden. Its author is told why.",
    "restore": "Restored. Its author is told.",
    "lock": "Closed to new replies. Whoever began it is told why.",
    "delete": "Deleted. Its author is told why.",
    "note": "Sent. Nothing else changed.",
    "unlock": "Open again. Whoever began it is told.",
    "clear": "Taken down. They are told why.",
    "withdraw": "Out of the library. A coach can bring it back at the desk.",
}
_SEEN_BY_MODERATORS = (
    "post",
    "thread",
    "flag",
    "ruling",
    "sanction",
    "appeal",
)  # the owner's log also tells of accounts, money and the library
ACTIONS = {
    "post.purged": "Removed words of a post for good",
    "post.kept": "Kept a post",
    "post.held": "Let a post wait for a moderator",
    "thread.held": "Let a thread wait for a moderator",
    "thread.kept": "Kept a thread",
    "profile.kept": "Kept a profile",
    "profile.cleared": "Emptied a profile",
    "nugget.kept": "Kept a nugget",
    "saved_reply.written": "Wrote a saved reply",
    "saved_reply.taken_out": "Took a saved reply out",
    "watched_words.added": "Put words on the list",
    "watched_words.taken_out": "Took words off the list",
    "post.hidden": "Hid a post",
    "post.restored": "Restored a post",
    "post.edited_out": "Edited a part out of a post",
    "post.put_back": "Put back what a post said",
    "post.deleted": "Deleted a post",
    "post.noted": "Wrote to the author of a post",
    "thread.noted": "Wrote to whoever began a thread",
    "thread.locked": "Closed a thread",
    "thread.unlocked": "Opened a thread again",
    "thread.hidden": "Hid a thread",
    "thread.restored": "Restored a thread",
    "appeal.upheld": "Let a decision stand after an appeal",
    "appeal.overturned": "Took a decision back after an appeal",
    "appeal.closed": "Closed an appeal, because what it was against had ended",
    "sanction.silenced": "Silenced",
    "sanction.suspended": "Suspended",
    "sanction.lifted": "Ended a silence or suspension of",
    "note.written": "Noted something about",
    "note.taken_away": "Took away a note about",
    "member.joined": "Joined",
    "account.claimed": "Proved their mailbox; what was set up before is gone",
    "member.made_owner": "Became an owner",
    "member.role_changed": "Changed a role",
    "invitation.made": "Invited somebody",
    "invitation.accepted": "Accepted an invitation",
    "invitation.withdrawn": "Took an invitation back",
    "export.asked": "Asked for a copy of their data",
    "member.leaving": "Asked for their account to be deleted",
    "member.stayed": "Kept their account after all",
    "member.forgotten": "Account deleted",
    "password.changed": "Changed a password",
    "two_step.on": "Switched the second step of signing in on",
    "two_step.off": "Switched the second step of signing in off",
    "recovery_codes.renewed": "Made new recovery codes",
    "recovery_code.used": "Signed in with a recovery code",
    "passkey.added": "Added a passkey",
    "passkey.removed": "Removed a passkey",
    "address.change_asked": "Asked to change their address",
    "address.changed": "Changed their address",
    "address.change_stopped": "A change of address was stopped",
    "access.changed": "Access changed",
    "grant.given": "Gave access",
    "grant.taken": "Took access back",
    "plan.changed": "Changed plan",
    "plan.change_declined": "Wanted another plan, and the card was declined",
    "plan.change_dropped": "Wanted another plan, and the bank’s question was left open",
    "plan.change_decided": "Chose another plan for the next period",
    "plan.change_taken_back": "Stays with the plan after all",
    "membership.cancelled": "Cancelled their membership",
    "membership.resumed": "Took their cancellation back",
    "payment.refund": "Money was given back",
    "payment.dispute": "A payment was disputed",
    "list.exported": "Took a list along as a file",
    "event.retried": "Had an event from Stripe tried again",
    "work.retried": "Had work that gave up tried again",
    "events.retried": "Had events from Stripe tried again",
    "customer.resynced": "Had a member read anew from Stripe",
    "episodes.imported": "Brought in episodes from a feed",
    "post.history_removed": "Took an earlier writing out of a post’s history",
    "post.endorsed": "Stood behind a post",
    "post.endorsement_ended": "No longer stands behind a post",
    "question.assigned": "Asked a coach to see to a question",
    "thread.moved": "Moved a thread",
    "thread.merged": "Joined a thread with another",
    "rules.changed": "Put other house rules in force",
    "room.opened": "Opened a room",
    "room.changed": "Changed a room",
    "room.archived": "Archived a room",
    "room.reopened": "Opened an archived room again",
    "room.ordered": "Put the rooms in another order",
    "room.named": "Named somebody in a room",
    "room.taken_out": "Took somebody out of a room",
    "item.published": "Published",
    "item.revised": "Published a new edition",
    "item.withdrawn": "Withdrew",
    "path.published": "Published a path",
    "path.withdrawn": "Withdrew a path",
    "item.announced": "Told those who follow the topics of",
    "item.begun": "Began to write",
    "item.rewritten": "Changed the words of",
    "item.unscheduled": "Took from the schedule",
    "item.brought_back": "Brought back",
    "consent.asked": "Asked a client to agree to a story",
    "consent.sent_again": "Wrote to a client again about a story",
    "consent.cancelled": "Took back what a client was asked",
    "consent.declared": "Declared a story a composite",
    "consent.agreed": "A client agreed to a story",
    "consent.change_wished": "A client asked for other words in a story",
    "consent.declined": "A client declined a story",
    "consent.chosen_anew": "A client chose anew how and where a story is told",
    "consent.withdrawn": "A client took a story back",
    "consent.ran_out": "A client did not answer about a story",
}


@bp.post(_POST + "/rulings")
@admits(Audience.MODERATORS)
@seldom_along
def rule_on_post(post_id: int) -> Answer:
    post, form = _post_or_404(post_id), RulingForm()
    seen = _flag_id(form)
    rules: dict[str | None, Rule] = {
        "keep": partial(ruling.keep, post, answering=seen),
        "hide": partial(ruling.hide, post, answering=seen),
        "restore": partial(ruling.restore, post),
        "delete": partial(further_rulings.delete, post, answering=seen),
        "note": partial(further_rulings.note, post, answering=seen),
    }
    refused = _carry_out(form, rules, post)
    if refused:
        return case_page(_post_or_404(post_id), form), refused
    return redirect(local_path(form.next.data, post.path), 303)


@bp.post(_THREAD + "/rulings")
@admits(Audience.MODERATORS)
@seldom_along
def rule_on_thread(thread_id: int) -> Answer:
    thread, form = _thread_or_404(thread_id), RulingForm()
    seen = _flag_id(form)
    rules: dict[str | None, Rule] = {
        "keep": partial(ruling.keep, thread, answering=seen),
        "lock": partial(ruling.lock, thread, answering=seen),
        "unlock": partial(ruling.unlock, thread),
        "hide": partial(ruling.hide_thread, thread, answering=seen),
        "restore": partial(ruling.restore_thread, thread),
        "note": partial(further_rulings.note, thread, answering=seen),
    }
    refused = _carry_out(form, rules, thread)
    if refused:
        return case_page(_thread_or_404(thread_id), form), refused
    return redirect(local_path(form.next.data, f"/threads/{thread_id}"), 303)


@bp.post("/moderation/cases/<any(member, item):kind>/<int(max=2147483647):thing_id>/rulings")
@admits(Audience.MODERATORS)
@seldom_along
def rule_on_case(kind: str, thing_id: int) -> Answer:
    """About a profile or a nugget, which have no page of their own under that number."""
    thing, form = thing_or_404(kind, thing_id), RulingForm()
    seen = _flag_id(form)
    rules: dict[str | None, Rule] = {"keep": partial(ruling.keep, thing, answering=seen)}
    if isinstance(thing, Member):
        rules["clear"] = partial(ruling.clear, thing, answering=seen)
    elif isinstance(thing, Nugget):
        rules["withdraw"] = partial(ruling.withdraw, thing, answering=seen)
    refused = _carry_out(form, rules, thing)
    if refused:
        return case_page(thing_or_404(kind, thing_id), form), refused
    return redirect(local_path(form.next.data, "/moderation"), 303)


@bp.get("/moderation/log")
@admits(Audience.MODERATORS)
def log() -> Answer:
    wanted = narrowing.asked(request.args)
    lines = queries.log(
        kinds=None if Audience.OWNERS in audiences() else _SEEN_BY_MODERATORS,
        conditions=narrowing.conditions(wanted, reader=me()),
        older=whole_number(request.args.get("older"), otherwise=0) or None,
        newer=whole_number(request.args.get("newer"), otherwise=0) or None,
        most=RECORDS_A_PAGE,
    )
    tabs = [(words, wanted.address(action=key), key == wanted.group) for key, (words, _) in narrowing.GROUPS.items()]
    return render_template("moderation/log.html", lines=lines, tabs=tabs, wanted=wanted, actions=ACTIONS, why=_why)


@bp.get("/rules/summary")
@admits(Audience.ENTITLED)
def summary() -> Answer:
    """What the moderators did of late, for every member."""
    found, manner = summing_up.sum_up(), reader_manner()
    return render_template(
        "moderation/summary.html",
        summary=found,
        first=locales.day(found.first, manner),
        last=locales.day(found.last, manner),
        days=summing_up.DAYS,
        fewest=summing_up.FEWEST,
    )


def _post_or_404(post_id: int) -> Post:
    return one_or_404(post_for(me(), post_id))


def _thread_or_404(thread_id: int) -> Thread:
    found = thread_for(me(), thread_id)
    if found is None:
        raise NotFound()
    return found.thread


def _why(line: queries.Line) -> str:
    """The reason that was given; without one, the details that say the most."""
    if line.because:
        return line.because
    if "list" in line.details:
        return f"{line.details['list'].capitalize()}, {line.details['rows']} rows"
    if "role" in line.details:
        return f"As {line.details['role']}"
    return "–"


def _carry_out(form: RulingForm, rules: dict[str | None, Rule], thing: Thing) -> int | None:
    """Do what the form asks for; the status of the answer if that failed, with the words for it in the form."""
    replying.fill_in(form)
    rule, is_valid = rules.get(form.outcome.data), form.validate_on_submit()
    if rule is None:
        form.form_errors.append("Choose what to decide.")
    if rule is None or not is_valid:
        return 422
    also = asked_along(form)
    try:
        ruling_and_sanctioning.rule(rule, thing, also, because=form.because.data or "", by=me())
    except Refusal as no:
        back_to_form(form, no)
        return no.status
    flash(" ".join([_DONE[form.outcome.data or ""], *told_along(also)]), "success")
    return None


def _flag_id(form: RulingForm) -> int | None:
    """The flag by which the moderator saw it in the queue, None when they came from the thread."""
    return whole_number(form.flag.data, otherwise=0) or None
