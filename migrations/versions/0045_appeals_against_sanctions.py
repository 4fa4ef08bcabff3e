"""Appeals against silence and suspension"""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("appeal") as table:
        table.alter_column("ruling_id", existing_type=sa.Integer(), nullable=True)
        table.add_column(sa.Column("sanction_id", sa.Integer(), nullable=True))
        table.create_foreign_key(op.f("fk_appeal_sanction_id_sanction"), "sanction", ["sanction_id"], ["id"])
        table.create_unique_constraint(op.f("uq_appeal_sanction_id"), ["sanction_id"])
        table.create_check_constraint(op.f("ck_appeal_one_decision"), "(ruling_id IS NULL) <> (sanction_id IS NULL)")


def downgrade() -> None:
    op.execute("DELETE FROM appeal WHERE ruling_id IS NULL")
    with op.batch_alter_table("appeal") as table:
        table.drop_constraint(op.f("ck_appeal_one_decision"), type_="check")
        table.drop_constraint(op.f("uq_appeal_sanction_id"), type_="unique")
        table.drop_constraint(op.f("fk_appeal_sanction_id_sanction"), type_="foreignkey")
        table.drop_column("sanction_id")
        table.alter_column("ruling_id", existing_type=sa.Integer(), nullable=False)
