"""Find what an address leads to"""

from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_search_doc_path", "search_doc", ["path"])


def downgrade() -> None:
    op.drop_index("ix_search_doc_path", "search_doc")
