"""practices: who works where, what they keep to themselves, and how they write dates

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_SPECIALTIES = ("medical", "dental", "veterinary", "law", "other")
_SIZES = ("1", "2-9", "10-24", "25-49", "50+")
_REGIONS = (
    "us-northeast", "us-midwest", "us-south", "us-west", "canada", "latin-america", "uk-ireland", "europe",
    "africa-middle-east", "asia", "australia-new-zealand",
)  # fmt: skip
_PARTS = ("owner", "manager", "expert", "other")

_member = sa.table(
    "member",
    sa.column("id", sa.Integer),
    sa.column("created_at", sa.DateTime(timezone=True)),
    sa.column("practice", sa.String),
    sa.column("title", sa.String),
)
_practice = sa.table(
    "practice",
    sa.column("id", sa.Integer),
    sa.column("created_at", sa.DateTime(timezone=True)),
    sa.column("name", sa.String),
)
_affiliation = sa.table(
    "affiliation",
    sa.column("created_at", sa.DateTime(timezone=True)),
    sa.column("member_id", sa.Integer),
    sa.column("practice_id", sa.Integer),
    sa.column("title", sa.String),
)


def upgrade() -> None:
    with op.batch_alter_table("member", schema=None) as batch_op:
        batch_op.add_column(sa.Column("locale", sa.String(length=16), nullable=True))
    op.create_table(
        "practice",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=True),
        sa.Column("specialty", _enum(_SPECIALTIES, "specialty"), nullable=True),
        sa.Column("size", _enum(_SIZES, "size"), nullable=True),
        sa.Column("region", _enum(_REGIONS, "region"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_practice")),
    )
    op.create_table(
        "affiliation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("practice_id", sa.Integer(), nullable=False),
        sa.Column("part", _enum(_PARTS, "part"), nullable=True),
        sa.Column("title", sa.String(length=120), nullable=True),
        sa.ForeignKeyConstraint(
            ["member_id"], ["member.id"], name=op.f("fk_affiliation_member_id_member"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f("fk_affiliation_practice_id_practice")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_affiliation")),
        sa.UniqueConstraint("member_id", name=op.f("uq_affiliation_member_id")),
    )
    with op.batch_alter_table("affiliation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_affiliation_practice_id"), ["practice_id"], unique=False)
    op.create_table(
        "discretion",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("hides_practice", sa.Boolean(), nullable=False),
        sa.Column("hides_specialty", sa.Boolean(), nullable=False),
        sa.Column("hides_role", sa.Boolean(), nullable=False),
        sa.Column("hides_size", sa.Boolean(), nullable=False),
        sa.Column("hides_region", sa.Boolean(), nullable=False),
        sa.Column("hides_about", sa.Boolean(), nullable=False),
        sa.Column("is_unlisted", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["member_id"], ["member.id"], name=op.f("fk_discretion_member_id_member"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_discretion")),
        sa.UniqueConstraint("member_id", name=op.f("uq_discretion_member_id")),
    )
    _fill()


def downgrade() -> None:
    _fill_back()
    op.drop_table("discretion")
    with op.batch_alter_table("affiliation", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_affiliation_practice_id"))
    op.drop_table("affiliation")
    op.drop_table("practice")
    op.drop_column("member", "locale")  # in place, see 0009


def _enum(values: tuple[str, ...], name: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, length=32)


def _fill() -> None:
    """What members said until now, each with a practice of their own, under their own number while the table is new.

    The old columns keep it, so that the code of before goes on working; a later release drops them.
    """
    said = sa.or_(_member.c.practice.is_not(None), _member.c.title.is_not(None))
    op.execute(
        _practice.insert().from_select(
            ["id", "created_at", "name"], sa.select(_member.c.id, _member.c.created_at, _member.c.practice).where(said)
        )
    )
    op.execute(
        _affiliation.insert().from_select(
            ["created_at", "member_id", "practice_id", "title"],
            sa.select(_member.c.created_at, _member.c.id, _member.c.id, sa.func.substr(_member.c.title, 1, 120)).where(
                said
            ),
        )
    )
    if op.get_bind().dialect.name == "postgresql":  # its counter does not see numbers given by hand
        op.execute("SELECT setval('practice_id_seq', (SELECT coalesce(max(id), 0) + 1 FROM practice), false)")


def _fill_back() -> None:
    """What was said since, back where the code of before looks for it."""
    works = sa.table(
        "affiliation", sa.column("member_id", sa.Integer), sa.column("practice_id"), sa.column("title", sa.String)
    )
    name = (
        sa.select(_practice.c.name)
        .where(_practice.c.id == works.c.practice_id, works.c.member_id == _member.c.id)
        .scalar_subquery()
    )
    title = sa.select(works.c.title).where(works.c.member_id == _member.c.id).scalar_subquery()
    op.execute(
        _member.update().where(_member.c.id.in_(sa.select(works.c.member_id))).values(practice=name, title=title)
    )
