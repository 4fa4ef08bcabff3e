"""Posts that staff delete, what a ruling was about, and what stood where a part was edited out"""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("post", sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("ruling", sa.Column("reason", sa.String(length=32), nullable=True))
    # Written out: to add a foreign key Alembic would copy the whole table on SQLite.
    op.execute(
        "ALTER TABLE ruling ADD COLUMN revision_id INTEGER"
        " CONSTRAINT fk_ruling_revision_id_post_revision REFERENCES post_revision (id) ON DELETE SET NULL"
    )


def downgrade() -> None:
    op.execute("ALTER TABLE ruling DROP COLUMN revision_id")
    op.drop_column("ruling", "reason")
    op.drop_column("post", "removed_at")
