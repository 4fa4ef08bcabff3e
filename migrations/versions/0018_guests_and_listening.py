"""Guests with what they are, listening links as data, how far each member has come, and steps done"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_episode = sa.table("episode", sa.column("id", sa.Integer), sa.column("guests", sa.JSON))
_guest = sa.table(
    "guest",
    sa.column("created_at", sa.DateTime(timezone=True)),
    sa.column("episode_id", sa.Integer),
    sa.column("position", sa.Integer),
    sa.column("name", sa.String),
    sa.column("role", sa.String),
)


def upgrade() -> None:
    op.create_table(
        "guest",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("episode_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("role", sa.String(length=255), nullable=True),
        sa.Column("link", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["episode_id"], ["episode.id"], name=op.f("fk_guest_episode_id_episode"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guest")),
    )
    op.create_index(op.f("ix_guest_episode_id"), "guest", ["episode_id"], unique=False)
    op.create_table(
        "platform",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_platform")),
        sa.UniqueConstraint("name", name=op.f("uq_platform_name")),
    )
    op.create_table(
        "listening_link",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("episode_id", sa.Integer(), nullable=False),
        sa.Column("platform_id", sa.Integer(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["episode_id"], ["episode.id"], name=op.f("fk_listening_link_episode_id_episode"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["platform_id"], ["platform.id"], name=op.f("fk_listening_link_platform_id_platform"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listening_link")),
        sa.UniqueConstraint("episode_id", "platform_id", name=op.f("uq_listening_link_episode_id_platform_id")),
    )
    op.create_index(op.f("ix_listening_link_platform_id"), "listening_link", ["platform_id"], unique=False)
    op.create_table(
        "listening",
        *_of_a_member_and_an_episode("listening"),
        sa.Column("second", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("heard", sa.Integer(), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.create_index(op.f("ix_listening_episode_id"), "listening", ["episode_id"], unique=False)
    op.create_table("step_done", *_of_a_member_and_an_episode("step_done"))
    op.create_index(op.f("ix_step_done_episode_id"), "step_done", ["episode_id"], unique=False)
    _fill()


def downgrade() -> None:
    _fill_back()
    for table in ("step_done", "listening", "listening_link", "platform", "guest"):
        op.drop_table(table)


def _of_a_member_and_an_episode(table: str) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("episode_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["member_id"], ["member.id"], name=op.f(f"fk_{table}_member_id_member"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["episode_id"], ["episode.id"], name=op.f(f"fk_{table}_episode_id_episode"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("member_id", "episode_id", name=op.f(f"uq_{table}_member_id_episode_id")),
    ]


def _fill() -> None:
    """Until now a guest was one text, "Grace Adeyemi, Administrator"; what stands before the first comma is the name.

    The old column stays as it is, so that the code of before goes on working; a later release drops it.
    """
    database = op.get_bind()
    rows = []
    for episode_id, guests in database.execute(sa.select(_episode.c.id, _episode.c.guests)):
        for position, text in enumerate(guests, start=1):
            name, _, role = text.partition(", ")
            rows.append(
                {
                    "created_at": datetime.now(UTC),
                    "episode_id": episode_id,
                    "position": position,
                    "name": name[:120],
                    "role": role[:160] or None,
                }
            )
    if rows:
        database.execute(_guest.insert(), rows)


def _fill_back() -> None:
    """Guests as the code of before knows them."""
    database = op.get_bind()
    found: dict[int, list[str]] = {}
    wanted = sa.select(_guest.c.episode_id, _guest.c.name, _guest.c.role).order_by(
        _guest.c.episode_id, _guest.c.position
    )
    for episode_id, name, role in database.execute(wanted):
        found.setdefault(episode_id, []).append(f"{name}, {role}" if role else name)
    for episode_id, guests in found.items():
        database.execute(_episode.update().where(_episode.c.id == episode_id).values(guests=guests))
