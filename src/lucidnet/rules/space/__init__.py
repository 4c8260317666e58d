"""Rules of credit across layers."""
