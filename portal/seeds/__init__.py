"""Demo people and starter content."""
