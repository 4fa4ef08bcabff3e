"""Flags and rulings on threads, profiles and nuggets beside posts"""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

_THINGS = {"thread_id": "thread", "member_id": "member", "item_id": "item"}
_ONE_THING = (
    "CASE WHEN post_id IS NULL THEN 0 ELSE 1 END + CASE WHEN thread_id IS NULL THEN 0 ELSE 1 END"
    " + CASE WHEN member_id IS NULL THEN 0 ELSE 1 END + CASE WHEN item_id IS NULL THEN 0 ELSE 1 END = 1"
)


def upgrade() -> None:
    with op.batch_alter_table("ruling") as table:
        table.alter_column("thread_id", existing_type=sa.Integer(), nullable=True)
        for column in ("member_id", "item_id"):
            table.add_column(sa.Column(column, sa.Integer(), nullable=True))
            table.create_foreign_key(op.f(f"fk_ruling_{column}_{_THINGS[column]}"), _THINGS[column], [column], ["id"])
            table.create_index(op.f(f"ix_ruling_{column}"), [column])
        table.add_column(sa.Column("author_id", sa.Integer(), nullable=True))
        table.create_foreign_key(op.f("fk_ruling_author_id_member"), "member", ["author_id"], ["id"])
        table.create_index(op.f("ix_ruling_author_id"), ["author_id"])
    op.execute(
        "UPDATE ruling SET author_id = coalesce((SELECT author_id FROM post WHERE post.id = ruling.post_id),"
        " (SELECT author_id FROM thread WHERE thread.id = ruling.thread_id))"
    )
    with op.batch_alter_table("flag") as table:
        table.add_column(sa.Column("about", sa.String(length=24), nullable=True))
        table.alter_column("post_id", existing_type=sa.Integer(), nullable=True)
        table.create_index(op.f("ix_flag_post_id"), ["post_id"])
        for column, kind in _THINGS.items():
            table.add_column(sa.Column(column, sa.Integer(), nullable=True))
            table.create_foreign_key(op.f(f"fk_flag_{column}_{kind}"), kind, [column], ["id"])
            table.create_index(op.f(f"ix_flag_{column}"), [column])
    op.execute("UPDATE flag SET about = 'post:' || CAST(post_id AS VARCHAR)")
    with op.batch_alter_table("flag") as table:
        table.alter_column("about", existing_type=sa.String(length=24), nullable=False)
        table.drop_constraint(op.f("uq_flag_post_id_by_id"), type_="unique")
        table.create_unique_constraint(op.f("uq_flag_about_by_id"), ["about", "by_id"])
        table.create_check_constraint(op.f("ck_flag_one_thing"), _ONE_THING)


def downgrade() -> None:
    op.execute("DELETE FROM flag WHERE post_id IS NULL")
    op.execute("UPDATE flag SET ruling_id = NULL WHERE ruling_id IN (SELECT id FROM ruling WHERE thread_id IS NULL)")
    op.execute("DELETE FROM ruling WHERE thread_id IS NULL")
    with op.batch_alter_table("flag") as table:
        table.drop_constraint(op.f("ck_flag_one_thing"), type_="check")
        table.drop_constraint(op.f("uq_flag_about_by_id"), type_="unique")
        table.drop_index(op.f("ix_flag_post_id"))
        for column, kind in _THINGS.items():
            table.drop_index(op.f(f"ix_flag_{column}"))
            table.drop_constraint(op.f(f"fk_flag_{column}_{kind}"), type_="foreignkey")
            table.drop_column(column)
        table.drop_column("about")
        table.alter_column("post_id", existing_type=sa.Integer(), nullable=False)
        table.create_unique_constraint(op.f("uq_flag_post_id_by_id"), ["post_id", "by_id"])
    with op.batch_alter_table("ruling") as table:
        table.drop_index(op.f("ix_ruling_author_id"))
        table.drop_constraint(op.f("fk_ruling_author_id_member"), type_="foreignkey")
        table.drop_column("author_id")
        for column in ("member_id", "item_id"):
            table.drop_index(op.f(f"ix_ruling_{column}"))
            table.drop_constraint(op.f(f"fk_ruling_{column}_{_THINGS[column]}"), type_="foreignkey")
            table.drop_column(column)
        table.alter_column("thread_id", existing_type=sa.Integer(), nullable=False)
