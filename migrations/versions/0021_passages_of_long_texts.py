"""Passages of long texts in search, and what was looked for in vain"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("search_doc", sa.Column("passage_count", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "search_passage",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("doc_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("label", sa.String(length=255), nullable=False),
        sa.Column("way", sa.String(length=64), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["doc_id"], ["search_doc.id"], name=op.f("fk_search_passage_doc_id_search_doc"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_passage")),
    )
    op.create_index(op.f("ix_search_passage_doc_id"), "search_passage", ["doc_id"])
    op.create_table(
        "search_miss",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("words", sa.String(length=60), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_miss")),
        sa.UniqueConstraint("day", "words", name=op.f("uq_search_miss_day_words")),
    )


def downgrade() -> None:
    op.drop_table("search_miss")
    op.drop_table("search_passage")
    op.drop_column("search_doc", "passage_count")  # in place: the table has triggers
