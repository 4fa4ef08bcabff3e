"""Topics: the few subjects of the program, in the coach's order."""

from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from portal.core.db import Model, Words


class Topic(Model):
    """A subject such as "Role clarity"."""

    __tablename__ = "topic"

    slug: Mapped[str] = mapped_column(String(80), unique=True)
    title: Mapped[str] = mapped_column(String(120))
    description: Mapped[str] = mapped_column(Words, default="")
    position: Mapped[int] = mapped_column(default=0)
