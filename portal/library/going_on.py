"""The one next step that an item's page offers: along its path, to an episode's tool, or into the conversation."""

from __future__ import annotations

from dataclasses import dataclass

from portal.library.models import Kind
from portal.library.path_queries import Place
from portal.library.queries import AnyRow


@dataclass(frozen=True)
class NextStep:
    """A sentence, and the way there."""

    text: str
    href: str
    label: str


def next_step(item: AnyRow, place: Place | None) -> NextStep:
    """The first that there is; for those who may read the item."""
    if place is not None and place.next is not None:
        return NextStep(f"Next on the path “{place.title}”", f"/library/{place.next.slug}", place.next.title)
    if item.kind is Kind.EPISODE and item.tool_slug:
        return NextStep("Use the tool that this episode speaks of", f"/library/{item.tool_slug}", item.tool_title)
    if item.thread_id:
        return NextStep("Read how others fared", f"/threads/{item.thread_id}", item.thread_title)
    if item.began_id:  # a moderator hid the conversation
        return NextStep("Go on looking", "/library", "Back to the library")
    return NextStep("Tell others how it went", f"/library/{item.slug}/thread", f"Discuss this {item.kind.value}")
