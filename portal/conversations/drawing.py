"""The three pages that one writes on, as they are opened and as they come back with something to be mended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import render_template, request

from portal.accounts.models import Draft
from portal.accounts.signed_in import me
from portal.conversations import (
    attaching,
    drafts,
    following,
    holding,
    pointing,
    post_queries,
    post_showing,
    quoting,
    showing,
    thread_queries,
)
from portal.conversations.for_reader import reader
from portal.conversations.forms import EditForm, ReplyForm, ThreadForm
from portal.conversations.models import POSTS_A_PAGE, Post, PostFile, Room, Thread
from portal.core.db import db
from portal.core.errors import Refusal
from portal.core.web import whole_number


def new_thread_page(
    room: Room,
    form: ThreadForm,
    draft: Draft | None,
    preview: str | None = None,
    no: Refusal | None = None,
) -> str:
    return render_template(
        "conversations/new_thread.html",
        room=room,
        form=form,
        titles=pointing.titles(),
        files=attaching.waiting(me(), drafts.of_room(room.id)),
        alts=drafts.alts_in(draft),
        thing=drafts.of_room(room.id),
        draft=draft,
        drafted=drafts.said(draft),
        preview=preview,
        no=no,
    )


def edit_page(
    post: Post,
    form: EditForm,
    draft: Draft | None,
    preview: str | None = None,
    no: Refusal | None = None,
) -> str:
    return render_template(
        "conversations/edit.html",
        post=post,
        back=post.path,
        form=form,
        beside=attaching.beside([post.id]).get(post.id, ()),
        files=attaching.waiting(me(), drafts.of_post(post.id)),
        alts=drafts.alts_in(draft),
        thing=drafts.of_post(post.id),
        draft=draft,
        drafted=drafts.said(draft),
        preview=preview,
        no=no,
    )


def thread_page(
    found: post_showing.Reading,
    page: int,
    form: ReplyForm | None = None,
    preview: str | None = None,
    no: Refusal | None = None,
) -> str:
    """The page; `form` when it holds something that could not be posted, or is only to be looked at."""
    thread, draft = found.thread, found.found.draft
    if form is None and found.may_reply:
        form = ReplyForm(data=_with_quotation(drafts.as_data(draft), thread))
    muted = following.muted_people(found.reader) if found.reader else set()
    rows, on_top = post_queries.posts_on_page(thread.id, page, found.reader)
    return render_template(
        "conversations/thread.html",
        thread=thread,
        held_why=holding.WHY[thread.held_because] if thread.held_because else None,
        reading=found,
        posts=post_showing.shown(rows, found, muted),
        on_top=post_showing.led_to(on_top, found, muted),
        kind=showing.KIND_OF[thread.kind],
        topics=[(row.title, f"/topics/{row.slug}") for row in thread_queries.topics_of(thread.id)],
        page=page,
        last=min(page * POSTS_A_PAGE, thread.post_count),
        first_new=found.first_new(page),
        form=form,
        files=_waiting(found) if form and found.reader else (),
        alts=drafts.alts_in(draft),
        preview=preview,
        no=no,
        thing=drafts.of_thread(thread.id),
        draft=draft,
        drafted=drafts.said(draft),
    )


def _waiting(found: post_showing.Reading) -> Sequence[PostFile]:
    """Asked for only where there is something: `found` knows, but for what a form has just brought along."""
    may_be_some = found.found.files_wait or request.method == "POST"
    return attaching.waiting(me(), drafts.of_thread(found.thread.id)) if may_be_some else ()


def _with_quotation(typed: dict[str, Any], thread: Thread) -> dict[str, Any]:
    """What the reply is opened with, and below it the post that `?quote=` names; nonsense quotes nothing."""
    asked = whole_number(request.args.get("quote"), otherwise=0)
    if not asked:
        return typed
    post = db.session.scalar(post_queries.post_for(reader(), asked).where(Post.thread_id == thread.id))
    if post is None or post.is_hidden:
        return typed
    before = (typed.get("body") or "").rstrip()
    return typed | {"body": "\n\n".join(filter(None, [before, quoting.quote(post)]))}
