"""Consents of clients to their stories"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

OPEN = sa.text("state IN ('waiting', 'change')")
STANDS = sa.text("state IN ('agreed', 'declared')")
SPECIALTIES = ("medical", "dental", "veterinary", "law", "other")
SIZES = ("1", "2-9", "10-24", "25-49", "50+")
REGIONS = (
    "us-northeast",
    "us-midwest",
    "us-south",
    "us-west",
    "canada",
    "latin-america",
    "uk-ireland",
    "europe",
    "africa-middle-east",
    "asia",
    "australia-new-zealand",
)
STATES = ("waiting", "change", "agreed", "declared", "declined", "cancelled", "ran-out", "replaced", "withdrawn")


def upgrade() -> None:
    with op.batch_alter_table("nugget") as table:
        table.add_column(
            sa.Column("specialty", sa.Enum(*SPECIALTIES, name="specialty", native_enum=False, length=32), nullable=True)
        )
        table.add_column(sa.Column("size", sa.Enum(*SIZES, name="size", native_enum=False, length=32), nullable=True))
        table.add_column(
            sa.Column("region", sa.Enum(*REGIONS, name="region", native_enum=False, length=32), nullable=True)
        )
        table.add_column(sa.Column("naming_line", sa.Text(), nullable=True))
        table.add_column(sa.Column("draft", sa.JSON(), nullable=True))
        table.add_column(sa.Column("shown_sha256", sa.String(length=64), nullable=True))
        table.add_column(sa.Column("is_public", sa.Boolean(), server_default=sa.false(), nullable=False))
        table.add_column(sa.Column("in_mail", sa.Boolean(), server_default=sa.false(), nullable=False))
        table.add_column(sa.Column("on_air", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "consent",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("nugget_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.Enum(*STATES, name="consentstate", native_enum=False, length=32), nullable=False),
        sa.Column("story", sa.JSON(), nullable=True),
        sa.Column("lines", sa.JSON(), nullable=True),
        sa.Column("words_sha256", sa.String(length=64), nullable=False),
        sa.Column("told_sha256", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column(
            "naming",
            sa.Enum("full", "first", "role", "disguised", name="naming", native_enum=False, length=32),
            nullable=True,
        ),
        sa.Column("places", sa.JSON(), nullable=False),
        sa.Column("client_name", sa.String(length=120), nullable=True),
        sa.Column("client_email", sa.String(length=255), nullable=True),
        sa.Column("client_role", sa.String(length=160), nullable=True),
        sa.Column("asked_by_id", sa.Integer(), nullable=True),
        sa.Column("ask_hash", sa.String(length=64), nullable=True),
        sa.Column("keep_hash", sa.String(length=64), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("runs_out_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("wish", sa.Text(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["asked_by_id"], ["member.id"], name=op.f("fk_consent_asked_by_id_member"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["nugget_id"], ["nugget.id"], name=op.f("fk_consent_nugget_id_nugget"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
        sa.UniqueConstraint("ask_hash", name=op.f("uq_consent_ask_hash")),
        sa.UniqueConstraint("keep_hash", name=op.f("uq_consent_keep_hash")),
    )
    op.create_index(op.f("ix_consent_nugget_id"), "consent", ["nugget_id"], unique=False)
    op.create_index(op.f("ix_consent_told_sha256"), "consent", ["told_sha256"], unique=False)
    op.create_index(
        "ix_consent_one_open", "consent", ["nugget_id"], unique=True, sqlite_where=OPEN, postgresql_where=OPEN
    )
    op.create_index(
        "ix_consent_one_stands", "consent", ["nugget_id"], unique=True, sqlite_where=STANDS, postgresql_where=STANDS
    )
    # Nobody has agreed to what is out so far: it waits until somebody did, or until a coach has declared it a composite.
    op.execute(
        "UPDATE item SET withdrawn_at = CURRENT_TIMESTAMP "
        "WHERE kind = 'nugget' AND published_at IS NOT NULL AND withdrawn_at IS NULL"
    )
    op.execute("DELETE FROM search_doc WHERE kind = 'nugget'")


def downgrade() -> None:
    op.drop_table("consent")
    with op.batch_alter_table("nugget") as table:
        for name in (
            "specialty",
            "size",
            "region",
            "naming_line",
            "draft",
            "shown_sha256",
            "is_public",
            "in_mail",
            "on_air",
        ):
            table.drop_column(name)
