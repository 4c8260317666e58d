"""Rules that assign credit through time."""
