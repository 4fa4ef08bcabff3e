"""Files beside posts"""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "post_file",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("token", sa.String(32), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=False),
        sa.Column("post_id", sa.Integer()),
        sa.Column("place", sa.String(64), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("media_type", sa.String(100), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("storage_key", sa.String(32), nullable=False),
        sa.Column("width", sa.Integer()),
        sa.Column("height", sa.Integer()),
        sa.Column("alt", sa.String(300), nullable=False),
        sa.ForeignKeyConstraint(["by_id"], ["member.id"], name="fk_post_file_by_id_member", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["post_id"], ["post.id"], name="fk_post_file_post_id_post", ondelete="CASCADE"),
        sa.UniqueConstraint("token", name="uq_post_file_token"),
        sa.UniqueConstraint("storage_key", name="uq_post_file_storage_key"),
    )
    op.create_index("ix_post_file_post_id", "post_file", ["post_id"])
    op.create_index("ix_post_file_waiting", "post_file", ["by_id", "place"])


def downgrade() -> None:
    op.drop_table("post_file")
