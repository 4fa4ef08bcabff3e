"""Notes that staff keep for each other about a member. No page of the member's shows them; the copy of their data does,
without who wrote it, because what is noted about somebody is theirs to know."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from portal.accounts.models import Member, Role
from portal.core import audit
from portal.core.db import db
from portal.core.errors import Refusal
from portal.moderation.person_models import StaffNote
from portal.moderation.policy import may_judge
from portal.moderation.sanctioning import NotYoursToJudge


class NotYourNote(Refusal):
    message = "Whoever wrote a note takes it away, or an owner does."
    status = 403


def note(member: Member, *, words: str, by: Member) -> StaffNote:
    """Raises NotYoursToJudge. The log says that there is one, and none of its words: they can be taken away again."""
    if member.closed_at is not None or not may_judge(by, member):
        raise NotYoursToJudge()
    made = StaffNote(about_id=member.id, by_id=by.id, words=words.strip())
    db.session.add(made)
    db.session.flush()
    audit.record(by, "note.written", made, member=member.id)
    return made


def take_away(staff_note: StaffNote, *, by: Member) -> None:
    """Raises NotYoursToJudge, NotYourNote."""
    if not may_judge(by, staff_note.about):
        raise NotYoursToJudge()
    if not may_take_away(by, staff_note):
        raise NotYourNote()
    audit.record(by, "note.taken_away", staff_note, member=staff_note.about_id)
    db.session.delete(staff_note)


def may_take_away(staff: Member, staff_note: StaffNote) -> bool:
    return staff_note.by_id == staff.id or staff.role is Role.OWNER


def notes_on(member: Member) -> Sequence[StaffNote]:
    """The newest first."""
    query = select(StaffNote).where(StaffNote.about_id == member.id).options(joinedload(StaffNote.by))
    return db.session.scalars(query.order_by(StaffNote.id.desc())).all()
