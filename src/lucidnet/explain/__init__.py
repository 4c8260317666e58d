"""A training step as numbers, operation by operation, and what passes through the layers of a network."""
