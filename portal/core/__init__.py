"""What every area leans on. Core knows no area."""
