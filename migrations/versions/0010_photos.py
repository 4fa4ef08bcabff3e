"""photos of members, and how they want the list of first steps

Columns are added and dropped in place, see 0009.

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("member", sa.Column("photo", sa.String(length=32), nullable=True))
    hides_photo = sa.Column("hides_photo", sa.Boolean(), server_default=sa.false(), nullable=False)
    op.add_column("discretion", hides_photo)
    op.create_table(
        "photo",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("small_key", sa.String(length=64), nullable=False),
        sa.Column("large_key", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["member_id"], ["member.id"], name=op.f("fk_photo_member_id_member"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_photo")),
        sa.UniqueConstraint("member_id", name=op.f("uq_photo_member_id")),
        sa.UniqueConstraint("token", name=op.f("uq_photo_token")),
    )
    op.create_table(
        "beginning",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("part_skipped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("put_away_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["member_id"], ["member.id"], name=op.f("fk_beginning_member_id_member"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_beginning")),
        sa.UniqueConstraint("member_id", name=op.f("uq_beginning_member_id")),
    )


def downgrade() -> None:
    op.drop_table("beginning")
    op.drop_table("photo")
    op.drop_column("discretion", "hides_photo")
    op.drop_column("member", "photo")
