"""Posts under no name"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

POST = sa.table("post", sa.column("veiled_at", sa.DateTime(timezone=True)))
UNREAD = ["thread_id", "number", "author_id", "created_at", "hidden_at"]


def upgrade() -> None:
    op.add_column("thread", sa.Column("author_hidden_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("post", sa.Column("veiled_at", sa.DateTime(timezone=True), nullable=True))
    op.drop_index("ix_post_unread", "post")
    op.create_index("ix_post_unread", "post", [*UNREAD, "veiled_at"])


def downgrade() -> None:
    if op.get_bind().scalar(sa.select(sa.func.count()).select_from(POST).where(POST.c.veiled_at.is_not(None))):
        raise RuntimeError("Members have asked safely: without this column everybody would read their names.")
    op.drop_index("ix_post_unread", "post")
    op.create_index("ix_post_unread", "post", UNREAD)
    op.drop_column("post", "veiled_at")
    op.drop_column("thread", "author_hidden_at")
