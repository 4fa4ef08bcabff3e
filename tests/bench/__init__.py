"""`make bench`: the portal against the smallest honest Flask application that does the same read."""
