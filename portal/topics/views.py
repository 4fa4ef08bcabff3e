"""Following a topic and ceasing to. The page about a topic is the library's, which has what stands on it."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from portal.accounts.signed_in import me
from portal.core.admission import Audience, admits
from portal.core.db import one_or_404
from portal.topics import following
from portal.topics.models import Topic

bp = Blueprint("topics", __name__)


@bp.post("/topics/<slug>/follow")
@admits(Audience.ENTITLED)
def follow(slug: str) -> Response:
    topic = _topic_or_404(slug)
    following.follow(topic, by=me())
    flash(f"You will hear of what is new about {topic.title}.", "success")
    return _back_to(topic)


@bp.post("/topics/<slug>/unfollow")
@admits(Audience.SIGNED_IN)
def unfollow(slug: str) -> Response:
    """Also for whoever is no longer a member: news can always be stopped."""
    topic = _topic_or_404(slug)
    following.unfollow(topic, by=me())
    flash(f"You will hear no more about {topic.title}.", "success")
    return _back_to(topic)


def _topic_or_404(slug: str) -> Topic:
    return one_or_404(select(Topic).where(Topic.slug == slug))


def _back_to(topic: Topic) -> Response:
    return redirect(url_for("library.topic", slug=topic.slug), 303)
