"""The desk of coaches and the owner: screens over the areas to its left."""
