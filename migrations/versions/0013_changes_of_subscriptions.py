"""What members ask to have changed at Stripe, written down before the call"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment, text = sa.DateTime(timezone=True), sa.String(255)
    op.create_table(
        "subscription_change",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("account", text, nullable=False),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("key", sa.String(36), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("subscription_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("plan_id", sa.Integer(), nullable=True),
        sa.Column("price_id", text, nullable=True),
        sa.Column("from_plan_id", sa.Integer(), nullable=True),
        sa.Column("from_price_id", text, nullable=True),
        sa.Column("currency", sa.String(3), nullable=True),
        sa.Column("due_minor", sa.Integer(), nullable=True),
        sa.Column("figures", sa.JSON(), nullable=True),
        sa.Column("renews_minor", sa.Integer(), nullable=True),
        sa.Column("renews_at", moment, nullable=True),
        sa.Column("begins_at", moment, nullable=True),
        sa.Column("expires_at", moment, nullable=True),
        sa.Column("tried_at", moment, nullable=True),
        sa.Column("sent_at", moment, nullable=True),
        sa.Column("settled_at", moment, nullable=True),
        sa.Column("invoice_id", text, nullable=True),
        sa.Column("invoice_url", sa.Text(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["member_id"], ["member.id"], name="fk_subscription_change_member_id_member", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["subscription.id"],
            name="fk_subscription_change_subscription_id_subscription",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["plan_id"], ["plan.id"], name="fk_subscription_change_plan_id_plan"),
        sa.ForeignKeyConstraint(["from_plan_id"], ["plan.id"], name="fk_subscription_change_from_plan_id_plan"),
        sa.PrimaryKeyConstraint("id", name="pk_subscription_change"),
        sa.UniqueConstraint("key", name="uq_subscription_change_key"),
    )
    op.create_index("ix_subscription_change_member_id", "subscription_change", ["member_id"])
    op.create_index("ix_subscription_change_state", "subscription_change", ["subscription_id", "state"])
    op.create_index(
        "ix_subscription_change_one_working",
        "subscription_change",
        ["subscription_id"],
        unique=True,
        sqlite_where=sa.text("state = 'working'"),
        postgresql_where=sa.text("state = 'working'"),
    )


def downgrade() -> None:
    op.drop_table("subscription_change")
