"""Who sees to a case, reasons given often, and the queue by reason"""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "handling",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("about", sa.String(length=24), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=True),
        sa.Column("looked_by_id", sa.Integer(), nullable=True),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["member.id"], name=op.f("fk_handling_owner_id_member"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["looked_by_id"], ["member.id"], name=op.f("fk_handling_looked_by_id_member"), ondelete="SET NULL"
        ),
        sa.UniqueConstraint("about", name=op.f("uq_handling_about")),
    )
    op.create_index(op.f("ix_handling_owner_id"), "handling", ["owner_id"])
    op.create_table(
        "saved_reply",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("title", sa.String(length=80), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
    )
    op.create_index("ix_flag_open_reason", "flag", ["ruled_at", "reason", "rank", "created_at", "id"])


def downgrade() -> None:
    op.drop_index("ix_flag_open_reason", "flag")
    op.drop_table("saved_reply")
    op.drop_table("handling")
