"""Writing an item: its form, which saves itself; what it said before; and what changed."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy.exc import NoResultFound
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the types

from portal.accounts import drafting
from portal.accounts.models import Draft
from portal.accounts.signed_in import me
from portal.accounts.writing_pages import rendered
from portal.core.admission import Audience, admits
from portal.core.clock import now
from portal.core.db import one_or_404
from portal.core.errors import Refusal, back_to_form
from portal.core.limits import limiter
from portal.core.typed import PlainForm
from portal.core.web import reader_zone, when, whole_number
from portal.desk import item_queries
from portal.desk.item_forms import FORMS, EpisodeForm, ItemForm, as_data, kind_of, said, tool_choices
from portal.desk.item_queries import State
from portal.library import revising, writing
from portal.library.comparing import compare
from portal.library.introducing import NeedsAName, NotASafeAddress
from portal.library.models import Item, Kind, Nugget
from portal.library.revising import ChangedMeanwhile
from portal.library.writing import LABELS, Fields, NumberTaken
from portal.topics.queries import topics_in_order

bp = Blueprint("desk_writing", __name__)
Page = str | Response | tuple[str, int]
ITEM = "/desk/library/<int(max=2147483647):item_id>"
_SAVINGS = "240/minute"


@bp.route("/desk/library/new/<kind>", methods=["GET", "POST"])
@admits(Audience.COACHES)
def begin(kind: str) -> Page:
    """A new item: until it is saved it is a draft of its writer's own."""
    if kind not in {each.value for each in Kind}:
        abort(404)
    made, thing = Kind(kind), f"item:new:{kind}"
    draft = drafting.kept(me(), thing)
    today = now().astimezone(reader_zone()).date()
    form = _form(made, draft, {"number": writing.next_number(), "aired_on": today})
    if not _is_sent(form):
        return _write_page(form, draft=draft, thing=thing)
    if not form.validate():
        return _write_page(form, draft=draft, thing=thing), 422
    try:
        item = writing.begin(made, said(form), by=me())
    except Refusal as no:
        back_to_form(form, no, _field_of(no))
        return _write_page(form, draft=drafting.kept(me(), thing), thing=thing), no.status
    drafting.throw_away(me(), thing)
    flash(f"“{item.title}” is saved as a draft. Nobody but coaches sees it until you publish it.", "success")
    return redirect(url_for("desk_writing.write", item_id=item.id), 303)


@bp.post("/desk/library/new/<kind>/draft")
@admits(Audience.COACHES)
@limiter.limit(_SAVINGS)
def keep_new(kind: str) -> Response:
    if kind not in {each.value for each in Kind}:
        abort(404)
    return drafting.receive(f"item:new:{kind}")


@bp.route(ITEM, methods=["GET", "POST"])
@admits(Audience.COACHES)
def write(item_id: int) -> Page:
    """The item's words as this coach last left them. What is out changes only with "Publish changes"."""
    item, thing = one_or_404(item_queries.item(item_id)), item_queries.thing(item_id)
    draft = drafting.kept(me(), thing)
    form = _form(item.kind, draft, as_data(writing.written(item)) | {"seen": str(item.revision)})
    if request.form.get("do") == "keep":
        revising.check_may_write(item)
        drafting.save(me(), thing, drafting.typed(), after=None)
        flash("Your changes are kept. Readers still see what is published.", "success")
        return redirect(url_for("desk_writing.write", item_id=item.id), 303)
    if not _is_sent(form):
        return _write_page(form, item=item, draft=draft, thing=thing)
    if not form.validate():
        return _write_page(form, item=item, draft=draft, thing=thing), 422
    try:
        changed = revising.revise(item, said(form), by=me(), seen=form.revision_seen)
    except ChangedMeanwhile as no:
        return _told_of_theirs(item_id, form, no)
    except Refusal as no:
        back_to_form(form, no, _field_of(no))
        item = one_or_404(item_queries.item(item_id))
        return _write_page(form, item=item, draft=drafting.kept(me(), thing), thing=thing), no.status
    drafting.throw_away(me(), thing)
    flash(_told(item) if changed else "Nothing had changed.", "success")
    return redirect(url_for("desk_writing.write", item_id=item.id), 303)


@bp.post(f"{ITEM}/draft")
@admits(Audience.COACHES)
@limiter.limit(_SAVINGS)
def keep(item_id: int) -> Response:
    revising.check_may_write(one_or_404(item_queries.item(item_id)))
    return drafting.receive(item_queries.thing(item_id))


@bp.post(f"{ITEM}/draft/removal")
@admits(Audience.COACHES)
def throw_away(item_id: int) -> Response:
    """Back to what the item says."""
    one_or_404(item_queries.item(item_id))
    drafting.throw_away(me(), item_queries.thing(item_id))
    flash("Your changes are thrown away.", "success")
    return redirect(url_for("desk_writing.write", item_id=item_id), 303)


@bp.get(f"{ITEM}/history")
@admits(Audience.COACHES)
def history(item_id: int) -> str:
    """Every writing of it, and what one changed; `?number=3` chooses which, the newest if nothing does."""
    item = one_or_404(item_queries.item(item_id))
    revisions = revising.history(item)
    number = whole_number(request.args.get("number"), otherwise=item.revision)
    chosen = next((r for r in revisions if r.number == number), revisions[0] if revisions else None)
    before = next((r for r in revisions if chosen and r.number == chosen.number - 1), None)
    return render_template(
        "desk/library/history.html",
        item=item,
        state=item_queries.state_of(item),
        revisions=revisions,
        chosen=chosen,
        changes=compare(before.fields, chosen.fields, LABELS[item.kind]) if chosen and before else None,
    )


@bp.post(f"{ITEM}/history/<int(max=2147483647):number>/restoration")
@admits(Audience.COACHES)
def restore(item_id: int, number: int) -> Response:
    item = one_or_404(item_queries.item(item_id))
    seen = whole_number(request.form.get("seen"), otherwise=0)
    try:
        revising.restore(item, number, by=me(), seen=seen)
    except NoResultFound:
        abort(404)
    flash(f"It says again what it said in number {number}.", "success")
    return redirect(url_for("desk_writing.history", item_id=item.id), 303)


def unpublished(item: Item) -> Fields:
    """What this coach has typed about it and not published, for a look at it; else what was written last."""
    draft = drafting.kept(me(), item_queries.thing(item.id))
    return said(_form(item.kind, draft, {})) if draft else writing.written(item)


def _told(item: Item) -> str:
    if isinstance(item, Nugget) and item.draft is not None:
        return "Saved. Readers see the words that were agreed to, until the client agrees to these."
    return "Your changes are published." if item_queries.state_of(item) is State.PUBLISHED else "Saved."


def _form(kind: Kind, draft: Draft | None, data: dict[str, Any]) -> ItemForm:
    """What was sent, else what this coach typed and has not sent, else what the item says."""
    if request.method == "POST":
        form = FORMS[kind](data=data)
    elif draft is not None:
        form = FORMS[kind](formdata=MultiDict([(name, v) for name, vs in draft.fields.items() for v in vs]))
    else:
        form = FORMS[kind](data=data)
    form.topics.choices = [SelectChoice(topic.slug, topic.title) for topic in topics_in_order()]
    if isinstance(form, EpisodeForm):
        form.tool.choices = tool_choices(item_queries.tools())
    return form


def _is_sent(form: ItemForm) -> bool:
    """Whether it is to be saved; "Preview" only asks for a look."""
    return bool(form.is_submitted()) and "preview" not in request.form


def _field_of(no: Refusal) -> str | None:
    if isinstance(no, NumberTaken):
        return "number"
    return "guests" if isinstance(no, NotASafeAddress | NeedsAName) else None


def _told_of_theirs(item_id: int, form: ItemForm, no: ChangedMeanwhile) -> Page:
    """The second of two writers sees what the first changed, with their own words still in the form."""
    mine, theirs = said(form), dict(no.theirs.fields)
    back_to_form(form, no)
    form.seen.data = str(no.theirs.number)
    item = one_or_404(item_queries.item(item_id))
    told = compare(theirs, mine, LABELS[item.kind])
    draft = drafting.kept(me(), item_queries.thing(item_id))
    return _write_page(form, item=item, draft=draft, thing=item_queries.thing(item_id), against=told), 409


def _write_page(
    form: ItemForm, *, thing: str, item: Item | None = None, draft: Draft | None = None, against: Any = None
) -> str:
    wanted = request.form.get("preview", "")
    state = item_queries.state_of(item) if item else None
    is_behind = item is not None and form.revision_seen < item.revision and against is None
    return render_template(
        "desk/library/write.html",
        form=form,
        kind=kind_of(form),
        item=item,
        state=state,
        is_live=state in {State.PUBLISHED, State.SCHEDULED},
        thing=thing,
        draft=draft,
        drafted=f"Saved {when(draft.saved_at).striptags()}" if draft else "",
        others=item_queries.others_writing(thing, me()) if item else (),
        behind=form.revision_seen if is_behind else None,
        against=against,
        preview={wanted: rendered(request.form.get(wanted, ""))} if wanted in form else {},
        empty_form=PlainForm(formdata=None),
    )
