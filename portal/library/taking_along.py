"""What somebody takes along of the library: what they fetched, heard, saved, ticked and said of it, and what is
known of their private feed."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from portal.accounts.models import Member
from portal.core.taking_along import Part, part
from portal.library.feed_models import Feed, FeedVisit
from portal.library.models import Done, Download, Episode, File, Item, Listening, Opinion, Saved, StepDone, Version

_OF_WHAT = {"at": "when", "title": "of what in the library", "slug": "the end of its address"}


def parts_of(member: Member) -> Iterator[Part]:
    yield part(
        "downloads",
        "Downloads",
        "The files you fetched, and when. Once an hour at most for each.",
        select(Download.created_at.label("at"), Item.title, Item.slug, Version.number.label("edition"), File.name)
        .join(File, File.id == Download.file_id)
        .join(Version, Version.id == File.version_id)
        .join(Item, Item.id == Version.item_id)
        .where(Download.member_id == member.id)
        .order_by(Download.id),
        {
            "at": "when",
            "title": "of what in the library",
            "slug": "the end of its address",
            "edition": "which edition",
            "name": "the file's name",
        },
    )
    yield part(
        "listening",
        "Listening",
        "How far you have come in each episode.",
        select(Listening.at, Item.title, Item.slug, Listening.second, Listening.heard, Listening.finished_at)
        .join(Episode, Episode.id == Listening.episode_id)
        .where(Listening.member_id == member.id)
        .order_by(Listening.id),
        {
            "at": "when you were there",
            "title": "which episode",
            "slug": "the end of its address",
            "second": "where you are in it, in seconds",
            "heard": "how many seconds you have heard, those heard twice counted twice",
            "finished_at": "when you came to its end",
        },
    )
    yield part(
        "steps",
        "Steps done",
        "The ten-minute steps of episodes that you ticked. Nobody else sees them.",
        select(StepDone.created_at.label("at"), Item.title, Item.slug)
        .join(Episode, Episode.id == StepDone.episode_id)
        .where(StepDone.member_id == member.id)
        .order_by(StepDone.id),
        {"at": "when", "title": "of which episode", "slug": "the end of its address"},
    )
    yield part(
        "saved",
        "What you saved",
        "Your own list.",
        select(Saved.created_at.label("at"), Item.title, Item.slug)
        .join(Item, Item.id == Saved.item_id)
        .where(Saved.member_id == member.id)
        .order_by(Saved.id),
        _OF_WHAT,
    )
    yield part(
        "done",
        "What you are done with",
        "As you ticked it, on paths or beside them.",
        select(Done.created_at.label("at"), Item.title, Item.slug)
        .join(Item, Item.id == Done.item_id)
        .where(Done.member_id == member.id)
        .order_by(Done.id),
        _OF_WHAT,
    )
    yield part(
        "opinions",
        "What was useful to you",
        "As you told the coaches; other members never read it.",
        select(Opinion.said_at.label("at"), Item.title, Item.slug, Opinion.is_useful.label("useful"), Opinion.words)
        .join(Item, Item.id == Opinion.item_id)
        .where(Opinion.member_id == member.id)
        .order_by(Opinion.id),
        _OF_WHAT | {"useful": "whether it was useful to you", "words": "your sentence to the coaches"},
    )
    yield part(
        "podcast_feed",
        "Private podcast feed",
        "What is known of the feed you add to a podcast app. Its address stands on your page for the podcast.",
        select(
            Feed.created_at.label("made_at"), Feed.rotated_at, Feed.fetched_at, Feed.fetched_by, Feed.paused_at
        ).where(Feed.member_id == member.id),
        {
            "made_at": "when you had it made",
            "rotated_at": "when you last had its address changed",
            "fetched_at": "when an app last fetched it, to the quarter hour",
            "fetched_by": "which app that was, if it is one we know",
            "paused_at": "since when it shows a notice in place of the episodes",
        },
    )
    yield part(
        "podcast_feed_days",
        "Days of your podcast feed",
        "One line for each network from which your feed was fetched on a day of the last two weeks. Which network it "
        "was is not kept.",
        select(FeedVisit.day)
        .join(Feed, Feed.id == FeedVisit.feed_id)
        .where(Feed.member_id == member.id)
        .order_by(FeedVisit.day, FeedVisit.id),
        {"day": "the day, in UTC"},
    )
