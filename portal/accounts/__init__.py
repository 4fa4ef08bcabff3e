"""Members: who they are, how they sign in, and on which devices they are."""
