"""When somebody last spoke in a room is read from its threads"""

import sqlalchemy as sa
from alembic import op

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_column("room", "last_post_at")


def downgrade() -> None:
    op.add_column("room", sa.Column("last_post_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        "UPDATE room SET last_post_at = (SELECT max(thread.last_post_at) FROM thread"
        " WHERE thread.room_id = room.id AND thread.merged_into_id IS NULL)"
    )
