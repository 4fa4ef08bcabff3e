"""Inboxes, and letters of which one chooses how soon they come"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

PREFERENCE = sa.table(
    "preference",
    sa.column("created_at", sa.DateTime(timezone=True)),
    sa.column("member_id", sa.Integer),
    sa.column("stream", sa.String),
    sa.column("rhythm", sa.String),
)
# What was one stream and is several now: a choice made for it counts for each.
FROM_REPLIES = ("answers", "people")


def upgrade() -> None:
    op.create_table(
        "notification",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("stream", sa.String(length=32), nullable=False),
        sa.Column("about_kind", sa.String(length=32), nullable=False),
        sa.Column("about_id", sa.Integer(), nullable=False),
        sa.Column("within", sa.String(length=48), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("letter_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["member_id"], ["member.id"], name=op.f("fk_notification_member_id_member"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification")),
        sa.UniqueConstraint(
            "member_id", "about_kind", "about_id", name=op.f("uq_notification_member_id_about_kind_about_id")
        ),
    )
    op.create_index("ix_notification_member", "notification", ["member_id", "id"])
    op.create_index("ix_notification_about", "notification", ["about_kind", "about_id"])
    # "Off" meant no letters, and nobody was asked about an inbox: so it means the same.
    op.execute(PREFERENCE.update().where(PREFERENCE.c.rhythm == "off").values(rhythm="site"))
    for stream in FROM_REPLIES:
        chosen = sa.select(
            PREFERENCE.c.created_at, PREFERENCE.c.member_id, sa.literal(stream), PREFERENCE.c.rhythm
        ).where(PREFERENCE.c.stream == "replies")
        op.execute(PREFERENCE.insert().from_select(["created_at", "member_id", "stream", "rhythm"], chosen))


def downgrade() -> None:
    op.execute(PREFERENCE.delete().where(PREFERENCE.c.stream.in_(["mentions", *FROM_REPLIES])))
    op.execute(PREFERENCE.update().where(PREFERENCE.c.rhythm == "site").values(rhythm="off"))
    op.execute(PREFERENCE.update().where(PREFERENCE.c.rhythm == "daily").values(rhythm="now"))
    op.drop_table("notification")
