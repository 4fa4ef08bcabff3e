"""News that people asked for, and the ways to stop it."""
