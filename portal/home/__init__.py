"""Public pages, the first page of a member, search over every area."""
