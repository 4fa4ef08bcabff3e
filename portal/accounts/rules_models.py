"""The house rules in all their versions, and who agreed to which."""

from __future__ import annotations

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.accounts.models import Member
from portal.core.db import Model, Words


class HouseRules(Model):
    """A version of the house rules and the pledge, in force from the moment its row was made until the next."""

    __tablename__ = "house_rules"

    version: Mapped[int] = mapped_column(unique=True)  # from 2; version 1 came with the portal and has no row
    body: Mapped[str] = mapped_column(Words)  # Markdown
    body_html: Mapped[str] = mapped_column(Words)
    changed: Mapped[str] = mapped_column(Words)  # what is new in it, as members are told
    asks_again: Mapped[bool]  # whether everybody agrees anew before they post; not for a mended comma
    by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id", ondelete="SET NULL"))
    by: Mapped[Member | None] = relationship()


class RulesAcceptance(Model):
    """Somebody agreed to a version. Whoever has no row joined under version 1, and agreed to it by joining."""

    __tablename__ = "rules_acceptance"
    __table_args__ = (UniqueConstraint("member_id", "version"),)

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"))
    version: Mapped[int]
