"""The only place, with the compiled engine, that knows JAX."""
