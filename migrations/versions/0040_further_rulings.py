"""Posts that staff delete, what a ruling was about, and what stood where a part was edited out"""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("post", sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("ruling") as table:
        table.add_column(sa.Column("reason", sa.String(length=32), nullable=True))
        table.add_column(sa.Column("revision_id", sa.Integer(), nullable=True))
        table.create_foreign_key(
            op.f("fk_ruling_revision_id_post_revision"), "post_revision", ["revision_id"], ["id"], ondelete="SET NULL"
        )


def downgrade() -> None:
    with op.batch_alter_table("ruling") as table:
        table.drop_constraint(op.f("fk_ruling_revision_id_post_revision"), type_="foreignkey")
        table.drop_column("revision_id")
        table.drop_column("reason")
    op.drop_column("post", "removed_at")
