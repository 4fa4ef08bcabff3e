"""Journeys across areas: joining, and later pausing and leaving."""
