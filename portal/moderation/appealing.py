"""Appealing: whoever a ruling was about may ask once that somebody else looks at it again.

A second person decides, never the one who ruled and never the one who asks. Only where the house has nobody else does
the owner decide after all, and is told so: a case that waits for ever would be no better.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select, true, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload

from portal.accounts.models import Member, Role
from portal.accounts.policy import is_held_back
from portal.accounts.times import in_their_zone
from portal.conversations.models import RoomKind
from portal.core import audit, letters
from portal.core.clock import now
from portal.core.db import db
from portal.core.errors import Refusal
from portal.core.web import absolute
from portal.moderation import editing_out, ruling_and_sanctioning, sanctioning, telling_authors
from portal.moderation import ruling as rulings
from portal.moderation.models import APPEAL_FOR, ENDED_BY, Outcome, Ruling, Verdict
from portal.moderation.person_models import Appeal, Sanction
from portal.moderation.policy import may_judge

DECIDE_WITHIN = timedelta(days=3)  # what staff aim at


class NothingToAppeal(Refusal):
    message = "Nothing was taken from you with this decision, so there is nothing to appeal against."


class NoLongerStands(Refusal):
    message = "This decision does not stand any more, so there is nothing to appeal against."


class TooLate(Refusal):
    message = f"One can appeal for {APPEAL_FOR.days} days after a decision, and those are over."


class AlreadyAppealed(Refusal):
    message = "You have appealed against this decision. One can do so once."


class NotTheOneToDecide(Refusal):
    message = "Somebody else decides on this appeal: whoever took the decision does not judge it a second time."
    status = 403


class HasEnded(Refusal):
    message = (
        "What this appeal was against has ended in the meantime, so nothing is left to decide. "
        "Whoever appealed is told so."
    )


class AlreadyDecided(Refusal):
    """Somebody else was first; the message says who decided what, and why."""


def appeal(ruling: Ruling, *, words: str, by: Member) -> Appeal:
    """Ask for a second look, once. Raises as check_may_appeal."""
    check_may_appeal(ruling, by=by)
    return _ask(Appeal(ruling_id=ruling.id, by_id=by.id, words=words))


def appeal_sanction(sanction: Sanction, *, words: str, by: Member) -> Appeal:
    """Ask for a second look at a silence or a suspension, once. Raises as check_may_appeal_sanction."""
    check_may_appeal_sanction(sanction, by=by)
    return _ask(Appeal(sanction_id=sanction.id, by_id=by.id, words=words))


def check_may_appeal_sanction(sanction: Sanction, *, by: Member) -> None:
    """Raises NothingToAppeal, AlreadyAppealed, NoLongerStands."""
    if sanction.member_id != by.id:
        raise NothingToAppeal()
    if appeal_against(sanction) is not None:
        raise AlreadyAppealed()
    if not sanction.is_in_force:
        raise NoLongerStands()


def check_may_appeal(ruling: Ruling, *, by: Member) -> None:
    """Raises NothingToAppeal, AlreadyAppealed, TooLate, NoLongerStands."""
    if ruling.author_id != by.id or not ruling.can_be_appealed:
        raise NothingToAppeal()
    if appeal_against(ruling) is not None:
        raise AlreadyAppealed()
    if now() > ruling.appeal_until:
        raise TooLate()
    if not still_stands(ruling):
        raise NoLongerStands()


def appeal_against(decision: Ruling | Sanction) -> Appeal | None:
    about = Appeal.ruling_id if isinstance(decision, Ruling) else Appeal.sanction_id
    return db.session.scalars(
        select(Appeal).where(about == decision.id).options(joinedload(Appeal.decided_by))
    ).one_or_none()


def still_stands(ruling: Ruling) -> bool:
    """Whether nothing took its place: no later ruling, and its author did not change or take back the words."""
    thing = ruling.post or ruling.thread
    if thing is None or (ruling.post is not None and ruling.post.is_deleted):
        return False
    if ruling.outcome is Outcome.EDITED and not editing_out.is_as_edited(ruling):
        return False
    later = select(Ruling.id).where(
        Ruling.id > ruling.id,
        Ruling.thread_id == ruling.thread_id if ruling.post_id is None else Ruling.post_id == ruling.post_id,
        Ruling.post_id.is_(None) if ruling.post_id is None else true(),  # its thread may have been joined with another
        Ruling.outcome.in_(ENDED_BY[ruling.outcome]),
    )
    return db.session.scalar(later.limit(1)) is None


def the_house() -> Sequence[Member]:
    """Everybody who could decide on an appeal of somebody else's."""
    staff = Member.role != Role.MEMBER, Member.closed_at.is_(None), Member.leaving_since.is_(None)
    found = db.session.scalars(select(Member).where(*staff).order_by(Member.id))
    return [each for each in found if not is_held_back(each)]


def may_decide(member: Member, on: Appeal, house: Sequence[Member]) -> bool:
    """Staff who neither ruled nor ask, and are not silenced or suspended themselves; the owner in any case that nobody
    else of the house could decide."""
    if not _could_decide(member, on):
        return False
    if not takes_part_in(member, on):
        return True
    others = (each for each in house if _could_decide(each, on) and not takes_part_in(each, on))
    return member.role is Role.OWNER and next(others, None) is None


def takes_part_in(member: Member, on: Appeal) -> bool:
    """Whether they ruled, or ask."""
    return member.id in {on.against.by_id, on.by_id}


def decide(on: Appeal, verdict: Verdict, *, because: str, by: Member, with_sanction: bool = False) -> None:
    """Say whether the ruling stands, and undo it if not; `with_sanction` also ends what it brought for its author, if
    that still runs and is theirs to end. Raises NotTheOneToDecide, AlreadyDecided, HasEnded."""
    if not may_decide(by, on, the_house()):
        raise NotTheOneToDecide()
    if on.sanction is not None:
        _check_still_runs(on, on.sanction, by)
    brought = _brought(on)
    ends = brought if with_sanction and verdict is Verdict.OVERTURNED and brought and may_end(by, brought) else None
    if ends is not None:
        sanctioning.wait_for_turn(ends.member, by)
    first = db.session.scalar(
        update(Appeal)
        .where(Appeal.id == on.id, Appeal.decided_at.is_(None))
        .values(decided_at=now(), decided_by_id=by.id, verdict=verdict, because=because)
        .returning(Appeal.id)
        .execution_options(synchronize_session=False)
    )
    db.session.refresh(on)
    if first is None:
        raise _already_decided(on)
    if verdict is Verdict.UPHELD:
        audit.record(by, "appeal.upheld", on, because=because, ruling=on.ruling_id, sanction=on.sanction_id)
    else:
        if on.sanction is not None:
            sanctioning.lift(on.sanction, because=because, by=by, with_letter=False)
        elif on.ruling is not None and still_stands(on.ruling):
            _undo(on.ruling, because, by)
        if ends is not None:
            sanctioning.lift(ends, because=because, by=by, with_letter=False)
        audit.record(by, "appeal.overturned", on, because=because, ruling=on.ruling_id, sanction=on.sanction_id)
    _tell(on, ended=ends)


def may_end(member: Member, sanction: Sanction) -> bool:
    """Whether they are told of it, and may judge whom it befell."""
    is_told = member.is_at_least(Role.COACH) or not sanction.is_for_coaches
    return is_told and may_judge(member, sanction.member)


def _check_still_runs(on: Appeal, sanction: Sanction, by: Member) -> None:
    """And nobody ends it until this is decided. Raises AlreadyDecided, HasEnded."""
    sanctioning.wait_for_turn(sanction.member, by)
    db.session.refresh(on)
    db.session.refresh(sanction)
    if not on.is_open:
        raise _already_decided(on)
    if not sanction.is_in_force:
        raise HasEnded()


def _brought(on: Appeal) -> Sanction | None:
    """What the ruling brought for whoever asks, while it runs."""
    found = ruling_and_sanctioning.along_with(on.ruling, on.by) if on.ruling else None
    return found if found is not None and found.is_in_force else None


def _ask(made: Appeal) -> Appeal:
    try:
        with db.session.begin_nested():
            db.session.add(made)
            db.session.flush()
    except IntegrityError:
        raise AlreadyAppealed() from None
    return made


def _could_decide(member: Member, on: Appeal) -> bool:
    """What is said among the coaches is theirs to judge; about a person decides whoever may judge them."""
    if is_held_back(member):
        return False
    if on.sanction is not None:
        return may_end(member, on.sanction)
    thread = on.ruling.thread if on.ruling else None
    among_coaches = thread is not None and thread.room.kind is RoomKind.COACHES
    return member.is_at_least(Role.COACH if among_coaches else Role.MODERATOR)


def _undo(ruling: Ruling, because: str, by: Member) -> None:
    """One letter tells of it, ours; the usual one stays away."""
    if ruling.outcome is Outcome.EDITED:
        editing_out.put_back(ruling, because=because, by=by)
    elif ruling.post is not None:
        rulings.restore(ruling.post, because=because, by=by, with_letter=False)
    elif ruling.thread is not None and ruling.outcome is Outcome.LOCKED:
        rulings.unlock(ruling.thread, because=because, by=by, with_letter=False)
    elif ruling.thread is not None:
        rulings.restore_thread(ruling.thread, because=because, by=by, with_letter=False)


def _already_decided(on: Appeal) -> Refusal:
    if on.verdict is Verdict.ENDED:
        return HasEnded()
    who = on.decided_by.name if on.decided_by else "Somebody"
    said = "the decision stands" if on.verdict is Verdict.UPHELD else "the decision is taken back"
    return AlreadyDecided(f"{who} was first: {said}. The reason given: {on.because}")


def _tell(on: Appeal, *, ended: Sanction | None) -> None:
    """Always, because they asked; of what `ended` with it too, and of what goes on although it came with it."""
    if on.by.closed_at is not None:
        return
    ruling, thread, goes_on = on.ruling, on.ruling.thread if on.ruling else None, _brought(on)
    telling_authors.tell_author(on, on.by)
    letters.post(
        "moderation/appeal",
        to=on.by,
        key=f"appeal:{on.once}",
        is_overturned=on.verdict is Verdict.OVERTURNED,
        is_post=ruling is not None and ruling.post_id is not None,
        was_locked=ruling is not None and ruling.outcome is Outcome.LOCKED,
        sanction=on.sanction.kind.value if on.sanction else None,
        ended=ended.kind.value if ended else None,
        goes_on=goes_on.kind.value if goes_on else None,
        until=in_their_zone(on.by, goes_on.until) if goes_on else None,
        sanction_link=absolute("appeals.own_sanction", sanction_id=goes_on.id) if goes_on else None,
        thread_title=thread.title_for(on.by) if thread else None,
        because=on.because,
        words=on.words,
        link=absolute("appeals.own", ruling_id=on.ruling_id)
        if ruling
        else absolute("appeals.own_sanction", sanction_id=on.sanction_id),
        rules=absolute("home.rules"),
    )
