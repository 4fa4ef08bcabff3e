"""The log is found by who acted, and by days"""

from alembic import op

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_record_by", "record", ["by_id", "id"])
    op.create_index("ix_record_created_at", "record", ["created_at"])


def downgrade() -> None:
    op.drop_index("ix_record_created_at", "record")
    op.drop_index("ix_record_by", "record")
