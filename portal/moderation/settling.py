"""Settling the appeal against a silence or a suspension that ends before anybody decided on it: it was lifted, or ran
out. Nothing is left to decide then, and that it stands would be untrue. Whoever appealed is told, and all stays to be
read."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import or_, select, update

from portal.accounts.models import Member
from portal.accounts.times import in_their_zone
from portal.core import audit, letters
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.jobs import periodic
from portal.core.web import absolute
from portal.moderation import telling_authors
from portal.moderation.models import Verdict
from portal.moderation.person_models import Appeal, Sanction

RAN_OUT = "It ended by itself before anybody had decided on the appeal."


def settle(sanction: Sanction, *, because: str, by: Member | None) -> Appeal | None:
    """Close the open appeal against it, if there is one; whoever calls this holds its member."""
    settled = db.session.scalar(
        update(Appeal)
        .where(Appeal.sanction_id == sanction.id, Appeal.decided_at.is_(None))
        .values(decided_at=now(), decided_by_id=by.id if by else None, verdict=Verdict.ENDED, because=because)
        .returning(Appeal.id)
        .execution_options(synchronize_session=False)
    )
    if settled is None:
        return None
    appeal = db.session.get_one(Appeal, settled, populate_existing=True)
    audit.record(by, "appeal.closed", appeal, because=because, sanction=sanction.id)
    if sanction.member.closed_at is None:
        telling_authors.tell_author(appeal, sanction.member)
    return appeal


@periodic("moderation.settle_ended", every=timedelta(minutes=10))
def settle_ended() -> None:
    """Nothing happens at the moment in which a silence or a suspension runs out, so it is looked for."""
    over = or_(Sanction.until <= now(), Sanction.lifted_at.is_not(None))
    query = select(Sanction.id).join(Appeal, Appeal.sanction_id == Sanction.id)
    with transaction():
        ids = db.session.scalars(query.where(Appeal.decided_at.is_(None), over).order_by(Sanction.id)).all()
    for sanction_id in ids:
        with transaction():
            _settle_ended(db.session.get_one(Sanction, sanction_id))


def _settle_ended(sanction: Sanction) -> None:
    member = sanction.member
    db.session.execute(select(Member.id).where(Member.id == member.id).with_for_update())
    appeal = settle(sanction, because=sanction.lifted_because or RAN_OUT, by=None)
    if appeal is None or member.closed_at is not None:
        return
    letters.post(
        "moderation/appeal-closed",
        to=member,
        key=f"appeal:{appeal.once}",
        what=sanction.kind.value,
        ended=in_their_zone(member, sanction.lifted_at or sanction.until),
        words=appeal.words,
        link=absolute("appeals.own_sanction", sanction_id=sanction.id),
    )
