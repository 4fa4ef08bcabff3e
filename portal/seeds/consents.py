"""Clients of the demo, asked about their stories: one agreed, one has not answered, one would change a word."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sqlalchemy import select

from portal.accounts.models import Member
from portal.core.db import db
from portal.core.letters import Letter
from portal.library import answering, consenting, publishing, stories
from portal.library.consent_models import Consent, ConsentState, Naming, Place
from portal.library.models import Nugget
from portal.seeds import reading
from portal.seeds.reading import Sheet
from portal.topics.models import Topic


def load(members: Mapping[str, Member]) -> int:
    """The stories, each as far as its client has come with it; how many."""
    sheets = list(reading.sheets("stories"))
    for sheet in sheets:
        _load(sheet, by=members["cory"])
    return len(sheets)


def _load(sheet: Sheet, *, by: Member) -> None:
    about = sheet.about
    nugget = Nugget(slug=sheet.slug, title="", summary="")
    stories.write(nugget, stories.story(about | {"slug": sheet.slug, "lesson": sheet.body}))
    nugget.topics = list(
        db.session.scalars(select(Topic).where(Topic.slug.in_(about["topics"])).order_by(Topic.position))
    )
    db.session.add(nugget)
    db.session.flush()
    token = _link_in_letter(consenting.ask(nugget, **about["client"], by=by))
    if about["state"] == ConsentState.CHANGE:
        answering.wish_for(token, about["wish"].strip())
    elif about["state"] == ConsentState.AGREED:
        places = [Place(place) for place in about["places"]]
        words = stories.written(nugget).sha256
        answering.agree(token, naming=Naming(about["naming"]), places=places, sha256=words)
        publishing.publish(nugget)


def _link_in_letter(consent: Consent) -> str:
    """The client opens the letter; nobody else has the link."""
    to_them = select(Letter.text).where(Letter.address == consent.client_email).order_by(Letter.id.desc())
    found = re.search(r"/consent/(\S+)", db.session.scalars(to_them).first() or "")
    return found[1] if found else ""
