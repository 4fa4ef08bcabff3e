"""Discounts that run, and why a payment failed, beside each mirrored subscription"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("subscription") as table:
        table.add_column(sa.Column("discount_minor", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("declined_because", sa.String(60), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("subscription") as table:
        table.drop_column("declined_because")
        table.drop_column("discount_minor")
