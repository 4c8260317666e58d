"""The core of training: one step as a pure function, and the executors that run it."""
