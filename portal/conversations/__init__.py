"""Rooms, threads and posts: the conversation."""
