"""Rules that assign credit across layers."""
