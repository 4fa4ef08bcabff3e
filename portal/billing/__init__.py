"""Plans, subscriptions and access: Stripe is the truth about money, entitlement_of() about access."""
