"""What helped, what coaches stand behind, thanks, and who sees to a question"""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

MARKED = sa.text("helped_at IS NOT NULL OR endorsed_at IS NOT NULL")


def upgrade() -> None:
    op.add_column("post", sa.Column("helped_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("post", sa.Column("endorsed_at", sa.DateTime(timezone=True), nullable=True))
    # Written out: to add a foreign key Alembic would copy the whole table on SQLite.
    op.execute(
        "ALTER TABLE post ADD COLUMN endorsed_by_id INTEGER"
        " CONSTRAINT fk_post_endorsed_by_id_member REFERENCES member (id)"
    )
    # With hidden_at, so that SQLite prefers it to the wider index that begins with the thread too.
    marked = ["thread_id", "hidden_at"]
    op.create_index("ix_post_marked", "post", marked, unique=False, sqlite_where=MARKED, postgresql_where=MARKED)
    op.create_index("ix_thread_kind", "thread", ["kind", "created_at", "id"])
    _of_a_member("thanks", "post", sa.UniqueConstraint("post_id", "member_id", name="uq_thanks_post_id_member_id"))
    _of_a_member("question_owner", "thread", sa.UniqueConstraint("thread_id", name="uq_question_owner_thread_id"))


def downgrade() -> None:
    op.drop_table("question_owner")
    op.drop_table("thanks")
    op.drop_index("ix_thread_kind", "thread")
    op.drop_index("ix_post_marked", "post")
    op.execute("ALTER TABLE post DROP COLUMN endorsed_by_id")
    op.drop_column("post", "endorsed_at")
    op.drop_column("post", "helped_at")


def _of_a_member(name: str, about: str, once: sa.UniqueConstraint) -> None:
    op.create_table(
        name,
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(f"{about}_id", sa.Integer(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            [f"{about}_id"], [f"{about}.id"], name=f"fk_{name}_{about}_id_{about}", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=f"fk_{name}_member_id_member", ondelete="CASCADE"),
        once,
    )
    op.create_index(f"ix_{name}_member_id", name, ["member_id"])
