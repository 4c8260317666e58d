"""The code that knows JAX; outside it only the compiled engine does."""
