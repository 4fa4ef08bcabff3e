"""What an author was warned of before posting, and meant; for the moderators"""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("post", sa.Column("overrode", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("post", "overrode")
