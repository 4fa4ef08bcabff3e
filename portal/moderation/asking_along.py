"""What the form of a ruling asks for beside the ruling: that whoever wrote the words is silenced or suspended."""

from __future__ import annotations

from flask import request
from sqlalchemy import select

from portal.accounts.models import Member
from portal.core.db import db
from portal.core.limits import limiter
from portal.moderation.person_forms import WithSanction, in_words
from portal.moderation.person_models import SanctionKind
from portal.moderation.ruling_and_sanctioning import Also

_MOST, _SCOPE = "30/hour", "sanctions"  # wherever somebody decides so, it counts together
seldom = limiter.shared_limit(_MOST, scope=_SCOPE)
seldom_along = limiter.shared_limit(_MOST, scope=_SCOPE, exempt_when=lambda: not request.form.get("sanction"))
_HOLDS = {SanctionKind.SILENCE: "silenced", SanctionKind.SUSPENSION: "suspended"}


def asked_along(form: WithSanction) -> Also | None:
    if not form.sanction.data:
        return None
    whom = db.session.scalar(select(Member).where(Member.handle == (form.whom.data or "")))
    return Also(SanctionKind(form.sanction.data), form.days.data, whom)


def told_along(also: Also | None) -> list[str]:
    """What else was done, for whoever decided."""
    if also is None or also.whom is None:
        return []
    return [f"{also.whom.name} is {_HOLDS[also.kind]} for {in_words(also.days)}, and told so."]
