"""The first steps of whoever runs a program: what an empty portal lacks before a member finds something in it. Each is
seen to be done from what is there, and the list is gone when all are."""

from __future__ import annotations

from sqlalchemy import select

from portal.accounts.models import Invitation, Member
from portal.billing.gateway import is_live, own_account
from portal.billing.models import Plan, PlanPrice, PriceStanding
from portal.conversations.models import Room, RoomKind
from portal.core.clock import now
from portal.core.db import db
from portal.core.to_do import Step
from portal.library.models import Item, Kind, is_out


def first_steps(reader: Member, *, owns: bool) -> list[Step]:
    """Those of a coach, and the owner's with them; none once all are done. One statement."""
    a_plan = (
        select(PlanPrice.id)
        .join(Plan, Plan.id == PlanPrice.plan_id)
        .where(Plan.withdrawn_at.is_(None), PlanPrice.standing == PriceStanding.CURRENT)
        .where(PlanPrice.account == own_account(), PlanPrice.livemode == is_live())
    )
    there = db.session.execute(
        select(
            select(Room.id).where(Room.archived_at.is_(None), Room.kind != RoomKind.COACHES).exists().label("a_room"),
            select(Item.id).where(Item.kind == Kind.TOOL, is_out(Item, now())).exists().label("a_tool"),
            a_plan.exists().label("a_plan"),
            select(Member.id).where(Member.id != reader.id, Member.closed_at.is_(None)).exists().label("somebody"),
            select(Invitation.id).where(Invitation.ended_at.is_(None)).exists().label("an_invitation"),
        )
    ).one()
    steps = [
        Step(
            "Publish the first tool",
            "One that answers what you are asked every week. It stays a draft until you publish it.",
            "/desk/library/new/tool",
            "Write a tool",
            there.a_tool,
        ),
        Step(
            "Open the first room",
            "Begin with one that everybody needs; more can follow when there is talk for them.",
            "/desk/rooms/new",
            "Open a room",
            there.a_room,
        ),
    ]
    if owns:
        steps += [
            Step(
                "Put a plan on sale",
                "Its prices are made at Stripe and named in the settings. Health says what is still missing.",
                "/desk/health",
                "See what is missing",
                there.a_plan,
            ),
            Step(
                "Invite somebody",
                "A coach or a moderator to work with you, or a first member without charge.",
                "/desk/people#invite",
                "Send an invitation",
                there.somebody or there.an_invitation,
            ),
        ]
    return [] if all(step.is_done for step in steps) else steps
