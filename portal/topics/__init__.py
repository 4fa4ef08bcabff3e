"""What items and threads are about."""
