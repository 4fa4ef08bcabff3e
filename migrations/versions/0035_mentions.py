"""Who is spoken to in a post"""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mention",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("post_id", sa.Integer(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["post_id"], ["post.id"], name=op.f("fk_mention_post_id_post"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["member_id"], ["member.id"], name=op.f("fk_mention_member_id_member"), ondelete="CASCADE"
        ),
        sa.UniqueConstraint("post_id", "member_id", name=op.f("uq_mention_post_id_member_id")),
    )
    op.create_index(op.f("ix_mention_member_id"), "mention", ["member_id"])


def downgrade() -> None:
    op.drop_table("mention")
