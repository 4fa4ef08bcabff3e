"""Kinds of rooms, and who is named in them"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("room", sa.Column("kind", sa.String(length=32), nullable=False, server_default="members"))
    op.add_column("room", sa.Column("notes", sa.Text(), nullable=False, server_default=""))
    op.add_column("room", sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "room_member",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("room_id", sa.Integer(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("host_since", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["room_id"], ["room.id"], name=op.f("fk_room_member_room_id_room"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["member_id"], ["member.id"], name=op.f("fk_room_member_member_id_member"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_room_member")),
        sa.UniqueConstraint("room_id", "member_id", name=op.f("uq_room_member_room_id_member_id")),
    )
    op.create_index(op.f("ix_room_member_member_id"), "room_member", ["member_id"], unique=False)


def downgrade() -> None:
    op.drop_table("room_member")
    for name in ("archived_at", "notes", "kind"):
        op.drop_column("room", name)
