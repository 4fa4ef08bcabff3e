"""Posts and threads that wait for a moderator; flags that the portal raises itself; words to look at"""

import sqlalchemy as sa
from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("post", "thread"):
        op.add_column(table, sa.Column("held_at", sa.DateTime(timezone=True), nullable=True))
        op.add_column(table, sa.Column("held_because", sa.String(length=32), nullable=True))
    with op.batch_alter_table("flag") as table:
        table.alter_column("by_id", existing_type=sa.Integer(), nullable=True)
    op.create_table(
        "watched_words",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("words", sa.String(length=120), nullable=False),
        sa.UniqueConstraint("words", name="uq_watched_words_words"),
    )


def downgrade() -> None:
    op.drop_table("watched_words")
    op.execute("DELETE FROM flag WHERE by_id IS NULL")
    with op.batch_alter_table("flag") as table:
        table.alter_column("by_id", existing_type=sa.Integer(), nullable=False)
    for table in ("post", "thread"):
        op.drop_column(table, "held_because")
        op.drop_column(table, "held_at")
