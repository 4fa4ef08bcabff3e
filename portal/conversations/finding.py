"""What search knows of conversations: a thread with its opening words, and each reply by itself. Nothing hidden."""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.orm import joinedload

from portal.conversations.models import Post, Thread
from portal.core import markdown, search
from portal.core.admission import Audience
from portal.core.db import db, transaction
from portal.core.jobs import enqueue, job
from portal.core.search import SearchDoc


def keep_found(post: Post) -> None:
    """Put a post into the index as it reads now, or take it out when it may not be read."""
    thread = post.thread
    if thread.is_hidden:
        return
    if post.number == 1:
        body = "" if post.is_hidden else markdown.plain(post.body_html)
        search.index(
            "thread",
            thread.id,
            audience=Audience.ENTITLED,
            tags=[f"room:{thread.room_id}"],
            at=thread.created_at,
            title=thread.title,
            path=f"/threads/{thread.id}",
            body=body,
        )
    elif post.is_hidden:
        search.forget("post", post.id)
    else:
        search.index(
            "post",
            post.id,
            audience=Audience.ENTITLED,
            tags=[f"room:{thread.room_id}"],
            at=post.created_at,
            title=thread.title,
            path=f"/posts/{post.id}",
            body=markdown.plain(post.body_html),
        )


def forget_thread(thread: Thread) -> None:
    """Take a thread and all that was said in it out of the index, in two statements however long it is."""
    search.forget("thread", thread.id)
    of_the_thread = select(Post.id).where(Post.thread_id == thread.id)
    db.session.execute(
        delete(SearchDoc)
        .where(SearchDoc.kind == "post", SearchDoc.ref_id.in_(of_the_thread))
        .execution_options(synchronize_session=False)
    )


def find_thread_again(thread: Thread) -> None:
    """After a restored thread: put everything back, in the background because it may be long."""
    enqueue(index_thread, thread_id=thread.id)


@job("conversations.index_thread")
def index_thread(thread_id: int) -> None:
    """Index all posts of a thread as they read now, some at a time so that nobody waits for the whole of it."""
    after = 0
    while True:
        with transaction():
            posts = db.session.scalars(
                select(Post)
                .where(Post.thread_id == thread_id, Post.number > after)
                .options(joinedload(Post.thread))
                .order_by(Post.number)
                .limit(200)
            ).all()
            for post in posts:
                keep_found(post)
            if not posts:
                return
            after = posts[-1].number
