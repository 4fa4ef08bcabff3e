"""Accounts that are about to be deleted, and when somebody last got another name

Columns are added and dropped in place: on SQLite a batch makes the table anew, and dropping the old one would take every
row with it that belongs to a member.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("member", sa.Column("renamed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("member", sa.Column("leaving_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("member", sa.Column("words_go_too", sa.Boolean(), nullable=False, server_default=sa.text("false")))
    op.add_column("member", sa.Column("charges_ended_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(op.f("ix_member_renamed_at"), "member", ["renamed_at"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_member_renamed_at"), "member")
    for name in ("charges_ended_at", "words_go_too", "leaving_since", "renamed_at"):
        op.drop_column("member", name)
