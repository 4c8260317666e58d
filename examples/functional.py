"""A two-layer network trained with pure functions only: no model, no optimizer object, no hidden state.

The weights are one vector; the network's tree of weights is made of views into it.
Run: python examples/functional.py
"""

import time

import numpy as np

import lucidnet as ln
from lucidnet.backend import Stream
from lucidnet.layers import Dense, Sequential
from lucidnet.losses import CategoricalCrossentropy
from lucidnet.tree import Layout

net = Sequential([Dense(64, activation="relu"), Dense(10)])
loss = CategoricalCrossentropy(from_logits=True)
learning_rate, batch_size, epochs, seed = 0.2, 32, 20, 0


def gradient(params, x, y):
    """Return the loss on a batch and its gradient by the weights."""
    logits, cache = net.forward(params, x)
    value, loss_cache = loss.forward(logits, y)
    _, grads = net.backward(params, cache, loss.backward(loss_cache), need_dx=False)
    return value, grads


def train_step(vector, x, y):
    """Return the weights after one step of gradient descent, and the loss before it. A pure function."""
    value, grads = gradient(layout.unravel(vector), x, y)
    return vector - learning_rate * layout.ravel(grads), value


(x, y), (x_test, y_test) = ln.data.load("digits")
params, output_shape = net.init(Stream(seed), x.shape[1:])
layout = Layout.of(params)
vector = layout.ravel(params)

began = time.perf_counter()
for epoch in range(epochs):
    rows = Stream(seed, epoch).child("shuffle").permutation(len(x))
    for start in range(0, len(x), batch_size):
        batch = rows[start : start + batch_size]
        vector, value = train_step(vector, x[batch], y[batch])
seconds = time.perf_counter() - began

logits, _ = net.forward(layout.unravel(vector), x_test)
print(f"{epochs} epochs in {seconds:.2f} s, test accuracy {np.mean(logits.argmax(-1) == y_test):.4f}")

# The same with the model, for comparison.
model = ln.Model(
    [ln.layers.Input(64), Dense(64, activation="relu"), Dense(10, activation="softmax")], seed=seed
)
model.compile("categorical_crossentropy", ln.optimizers.SGD(learning_rate))
began = time.perf_counter()
model.fit(x, y, epochs=epochs, batch_size=batch_size, verbose=0)
print(f"fit: {time.perf_counter() - began:.2f} s")
