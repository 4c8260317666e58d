"""Tools that look into a network while it learns."""
