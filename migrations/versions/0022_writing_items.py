"""Writing items at the desk: their revisions, files on their way, views, and telling followers once"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("item") as item:
        item.add_column(sa.Column("appeared_at", sa.DateTime(timezone=True), nullable=True))
        item.add_column(sa.Column("announces", sa.Boolean(), server_default=sa.false(), nullable=False))
        item.add_column(sa.Column("announced_at", sa.DateTime(timezone=True), nullable=True))
        item.add_column(sa.Column("revision", sa.Integer(), server_default=sa.text("0"), nullable=False))
    # What is out by now has appeared; what is scheduled will.
    op.execute("UPDATE item SET appeared_at = published_at WHERE published_at <= CURRENT_TIMESTAMP")
    op.create_table(
        "revision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_revision_item_id_item"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["by_id"], ["member.id"], name=op.f("fk_revision_by_id_member"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revision")),
        sa.UniqueConstraint("item_id", "number", name=op.f("uq_revision_item_id_number")),
    )
    op.create_table(
        "upload",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("media_type", sa.String(length=255), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("storage_key", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_upload_item_id_item"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["by_id"], ["member.id"], name=op.f("fk_upload_by_id_member"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upload")),
        sa.UniqueConstraint("storage_key", name=op.f("uq_upload_storage_key")),
    )
    op.create_index(op.f("ix_upload_item_id"), "upload", ["item_id"], unique=False)
    op.create_table(
        "view_count",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("views", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_view_count_item_id_item"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_view_count")),
        sa.UniqueConstraint("item_id", "day", name=op.f("uq_view_count_item_id_day")),
    )
    op.create_index(op.f("ix_view_count_day"), "view_count", ["day"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_view_count_day"), "view_count")
    op.drop_table("view_count")
    op.drop_index(op.f("ix_upload_item_id"), "upload")
    op.drop_table("upload")
    op.drop_table("revision")
    with op.batch_alter_table("item") as item:
        item.drop_column("revision")
        item.drop_column("announced_at")
        item.drop_column("announces")
        item.drop_column("appeared_at")
