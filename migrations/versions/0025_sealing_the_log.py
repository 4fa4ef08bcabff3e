"""A chain over the log, as unchangeable as the log itself"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

SQLITE = [
    """CREATE TRIGGER seal_is_not_changed BEFORE UPDATE ON seal BEGIN
           SELECT RAISE(ABORT, 'the log is append-only');
       END""",
    """CREATE TRIGGER seal_is_not_deleted BEFORE DELETE ON seal BEGIN
           SELECT RAISE(ABORT, 'the log is append-only');
       END""",
]
# TRUNCATE passes triggers for each row by; it needs one of its own.
POSTGRESQL = [
    """CREATE TRIGGER seal_is_append_only BEFORE UPDATE OR DELETE ON seal
       FOR EACH ROW EXECUTE FUNCTION record_is_append_only()""",
    """CREATE TRIGGER seal_is_not_emptied BEFORE TRUNCATE ON seal
       FOR EACH STATEMENT EXECUTE FUNCTION record_is_append_only()""",
    """CREATE TRIGGER record_is_not_emptied BEFORE TRUNCATE ON record
       FOR EACH STATEMENT EXECUTE FUNCTION record_is_append_only()""",
]


def upgrade() -> None:
    op.create_table(
        "seal",
        sa.Column("record_id", sa.Integer(), nullable=False),
        sa.Column("total", sa.String(64), nullable=False),
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"], name="fk_seal_record_id_record"),
        sa.UniqueConstraint("record_id", name="uq_seal_record_id"),
    )
    for statement in SQLITE if op.get_bind().dialect.name == "sqlite" else POSTGRESQL:
        op.execute(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER record_is_not_emptied ON record")
    op.drop_table("seal")
