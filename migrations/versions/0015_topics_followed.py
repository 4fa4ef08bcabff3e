"""Topics that members follow"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "topic_follow",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("topic_id", sa.Integer(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["topic_id"], ["topic.id"], name=op.f("fk_topic_follow_topic_id_topic"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["member_id"], ["member.id"], name=op.f("fk_topic_follow_member_id_member"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_topic_follow")),
        sa.UniqueConstraint("topic_id", "member_id", name=op.f("uq_topic_follow_topic_id_member_id")),
    )
    op.create_index(op.f("ix_topic_follow_member_id"), "topic_follow", ["member_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_topic_follow_member_id"), "topic_follow")
    op.drop_table("topic_follow")
