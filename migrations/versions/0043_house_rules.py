"""House rules in versions, and who agreed to which"""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "house_rules",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("body_html", sa.Text(), nullable=False),
        sa.Column("changed", sa.Text(), nullable=False),
        sa.Column("asks_again", sa.Boolean(), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["by_id"], ["member.id"], name=op.f("fk_house_rules_by_id_member"), ondelete="SET NULL"
        ),
        sa.UniqueConstraint("version", name=op.f("uq_house_rules_version")),
    )
    op.create_table(
        "rules_acceptance",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["member_id"], ["member.id"], name=op.f("fk_rules_acceptance_member_id_member"), ondelete="CASCADE"
        ),
        sa.UniqueConstraint("member_id", "version", name=op.f("uq_rules_acceptance_member_id_version")),
    )


def downgrade() -> None:
    op.drop_table("rules_acceptance")
    op.drop_table("house_rules")
