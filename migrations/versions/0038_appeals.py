"""Appeals against rulings"""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "appeal",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ruling_id", sa.Integer(), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by_id", sa.Integer(), nullable=True),
        sa.Column("verdict", sa.String(length=32), nullable=True),
        sa.Column("because", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["ruling_id"], ["ruling.id"], name="fk_appeal_ruling_id_ruling"),
        sa.ForeignKeyConstraint(["by_id"], ["member.id"], name="fk_appeal_by_id_member"),
        sa.ForeignKeyConstraint(["decided_by_id"], ["member.id"], name="fk_appeal_decided_by_id_member"),
        sa.UniqueConstraint("ruling_id", name="uq_appeal_ruling_id"),
    )
    op.create_index("ix_appeal_by_id", "appeal", ["by_id"])
    op.create_index("ix_appeal_open", "appeal", ["decided_at", "created_at", "id"])


def downgrade() -> None:
    op.drop_table("appeal")
