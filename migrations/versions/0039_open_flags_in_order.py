"""Open flags in the order of the queue, on both engines"""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

_ORDER = ["rank", "created_at", "id"]
_OPEN = sa.text("ruled_at IS NULL")


def upgrade() -> None:
    for name, columns in (("ix_flag_open", _ORDER), ("ix_flag_open_reason", ["reason", *_ORDER])):
        op.drop_index(name, "flag")
        op.create_index(name, "flag", columns, sqlite_where=_OPEN, postgresql_where=_OPEN)


def downgrade() -> None:
    for name, columns in (("ix_flag_open", _ORDER), ("ix_flag_open_reason", ["reason", *_ORDER])):
        op.drop_index(name, "flag")
        op.create_index(name, "flag", ["ruled_at", *columns])
