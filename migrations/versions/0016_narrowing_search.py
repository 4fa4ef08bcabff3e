"""Search narrowed to the people of a circle, by tags and by days"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("search_doc", sa.Column("scope", sa.String(length=64), nullable=True))
    op.add_column("search_doc", sa.Column("tags", sa.Text(), nullable=False, server_default=""))
    op.add_column("search_doc", sa.Column("at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    for name in ("at", "tags", "scope"):
        op.drop_column("search_doc", name)  # in place: the table has triggers
