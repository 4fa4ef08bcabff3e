"""A member's invoices, and what a schedule at Stripe has decided about the next period"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "invoice",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account", sa.String(255), nullable=False),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("subscription_id", sa.Integer(), nullable=True),
        sa.Column("invoice_id", sa.String(255), nullable=False),
        sa.Column("number", sa.String(255), nullable=True),
        sa.Column("status", sa.String(40), nullable=True),
        sa.Column("reason", sa.String(60), nullable=True),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("total_minor", sa.Integer(), nullable=False),
        sa.Column("paid_minor", sa.Integer(), nullable=False),
        sa.Column("due_minor", sa.Integer(), nullable=False),
        sa.Column("covers_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("covers_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("hosted_url", sa.Text(), nullable=True),
        sa.Column("pdf_url", sa.Text(), nullable=True),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["billing_customer.id"], name="fk_invoice_customer_id_billing_customer"
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscription.id"], name="fk_invoice_subscription_id_subscription"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_invoice"),
        sa.UniqueConstraint("account", "invoice_id", name="uq_invoice_account_invoice_id"),
    )
    op.create_index("ix_invoice_customer", "invoice", ["customer_id", "issued_at"])
    op.create_index("ix_invoice_subscription_id", "invoice", ["subscription_id"])
    op.add_column("subscription", sa.Column("schedule_id", sa.String(255), nullable=True))
    op.add_column("subscription", sa.Column("next_price_id", sa.String(255), nullable=True))
    op.add_column("subscription", sa.Column("next_from", sa.DateTime(timezone=True), nullable=True))
    # Said in SQL: Alembic would copy the whole table on SQLite, which rows that point to it do not survive.
    op.execute(
        "ALTER TABLE subscription ADD COLUMN next_plan_id INTEGER "
        "CONSTRAINT fk_subscription_next_plan_id_plan REFERENCES plan (id)"
    )


def downgrade() -> None:
    for column in ("next_plan_id", "next_from", "next_price_id", "schedule_id"):
        op.execute(f"ALTER TABLE subscription DROP COLUMN {column}")
    op.drop_table("invoice")
