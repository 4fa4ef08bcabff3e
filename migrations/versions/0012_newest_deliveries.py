"""The newest deliveries without reading all of them"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_stripe_event_received_at", "stripe_event", ["received_at", "id"])


def downgrade() -> None:
    op.drop_index("ix_stripe_event_received_at", "stripe_event")
