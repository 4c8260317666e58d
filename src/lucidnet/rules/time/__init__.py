"""Rules of credit through time."""
