"""What a thread is to its author, and posts and earlier versions that were taken back"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("thread", sa.Column("kind", sa.String(length=32), nullable=False, server_default="discussion"))
    op.create_index("ix_thread_room_kind", "thread", ["room_id", "kind", "last_post_at", "id"])
    op.add_column("post", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("post_revision", sa.Column("body_html", sa.Text(), nullable=True))
    op.add_column("post_revision", sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("post_revision", "removed_at")
    op.drop_column("post_revision", "body_html")
    op.drop_column("post", "deleted_at")
    op.drop_index("ix_thread_room_kind", "thread")
    op.drop_column("thread", "kind")
