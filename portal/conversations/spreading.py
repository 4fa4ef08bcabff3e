"""What follows a reply once it is written: search finds it, and whoever follows hears of it. Whoever posts waits for
neither; in its thread it stands at once."""

from __future__ import annotations

from portal.conversations import finding, telling_followers
from portal.core.jobs import job


@job("conversations.spread")
def spread(post_id: int) -> None:
    """Found first, so that nobody is told of what search denies. Run again, it changes nothing."""
    finding.find_post(post_id)
    telling_followers.tell_followers(post_id)
