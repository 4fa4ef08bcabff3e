"""Flags, rulings, and the log: fair, and on the record."""
