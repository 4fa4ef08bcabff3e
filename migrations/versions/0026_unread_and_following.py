"""What is unread, three levels of following, and threads that moved or were joined"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

FOLLOW = sa.table("follow", sa.column("level", sa.String), sa.column("muted_at", sa.DateTime(timezone=True)))


def upgrade() -> None:
    op.add_column("follow", sa.Column("level", sa.String(length=32), nullable=False, server_default="all"))
    op.execute(FOLLOW.update().where(FOLLOW.c.muted_at.is_not(None)).values(level="none"))
    op.drop_column("follow", "muted_at")
    op.add_column("thread", sa.Column("moved_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("thread", sa.Column("merged_at", sa.Integer(), nullable=True))
    with op.batch_alter_table("thread") as table:
        table.add_column(sa.Column("merged_into_id", sa.Integer(), nullable=True))
        table.create_foreign_key(op.f("fk_thread_merged_into_id_thread"), "thread", ["merged_into_id"], ["id"])
    op.create_index(op.f("ix_thread_merged_into_id"), "thread", ["merged_into_id"], unique=False)
    op.create_index("ix_post_unread", "post", ["thread_id", "number", "author_id", "created_at", "hidden_at"])
    _choice("room_follow", "room_id", "room", "level")
    _choice("person_follow", "person_id", "member", "level")
    _choice("reading", "thread_id", "thread", "last_number", "unread_at")
    _choice("room_reading", "room_id", "room", "read_until", "before")
    _choice("read_ahead", "post_id", "post")


def downgrade() -> None:
    for name in ("read_ahead", "room_reading", "reading", "person_follow", "room_follow"):
        op.drop_table(name)
    op.drop_index("ix_post_unread", "post")
    op.drop_index(op.f("ix_thread_merged_into_id"), "thread")
    with op.batch_alter_table("thread") as table:
        table.drop_constraint(op.f("fk_thread_merged_into_id_thread"), type_="foreignkey")
        table.drop_column("merged_into_id")
    for name in ("merged_at", "moved_at"):
        op.drop_column("thread", name)
    op.add_column("follow", sa.Column("muted_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(FOLLOW.update().where(FOLLOW.c.level == "none").values(muted_at=sa.func.current_timestamp()))
    op.drop_column("follow", "level")


_KINDS = {
    "level": lambda: sa.Column("level", sa.String(length=32), nullable=False),
    "last_number": lambda: sa.Column("last_number", sa.Integer(), nullable=False),
}


def _choice(table: str, about: str, what: str, *more: str) -> None:
    """One row for each member and thing."""
    columns = [
        _KINDS[name]() if name in _KINDS else sa.Column(name, sa.DateTime(timezone=True), nullable=True)
        for name in more
    ]
    op.create_table(
        table,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column(about, sa.Integer(), nullable=False),
        *columns,
        sa.ForeignKeyConstraint(
            ["member_id"], ["member.id"], name=op.f(f"fk_{table}_member_id_member"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint([about], [f"{what}.id"], name=op.f(f"fk_{table}_{about}_{what}"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint(*_unique(table, about), name=op.f(f"uq_{table}_{'_'.join(_unique(table, about))}")),
    )
    second = _unique(table, about)[1]
    op.create_index(op.f(f"ix_{table}_{second}"), table, [second], unique=False)


def _unique(table: str, about: str) -> tuple[str, str]:
    return (about, "member_id") if table == "room_follow" else ("member_id", about)
