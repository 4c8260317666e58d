"""The same networks in Keras on JAX."""

from __future__ import annotations

import os
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"  # read when Keras is imported

import keras
from keras import layers

from . import nets


def model(name: str) -> Any:
    """Return a compiled network of `nets` by name."""
    made = transformer() if name == "transformer" else keras.Sequential(stack(name))
    made.compile(
        optimizer=keras.optimizers.Adam(nets.RATE),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return made


def stack(name: str) -> list[Any]:
    """Return the layers of a sequential network."""
    if name == "LSTM":
        cells = layers.LSTM(nets.UNITS, return_sequences=True)
        return [layers.Input((nets.TIME, nets.SYMBOLS)), cells, layers.Dense(nets.SYMBOLS)]
    if name in ("LeNet", "convnet"):
        return [layers.Input((28, 28, 1)), *(lenet() if name == "LeNet" else convnet())]
    inputs, *hidden, outputs = (int(size) for size in name.split("-"))
    return [layers.Input((inputs,)), *(layers.Dense(n, "relu") for n in hidden), layers.Dense(outputs)]


def lenet() -> list[Any]:
    """Return layers like LeNet-5's, with ReLU."""
    first = [layers.Conv2D(6, 5, padding="same", activation="relu"), layers.MaxPooling2D(2)]
    second = [layers.Conv2D(16, 5, activation="relu"), layers.MaxPooling2D(2), layers.Flatten()]
    return [*first, *second, layers.Dense(120, "relu"), layers.Dense(84, "relu"), layers.Dense(10)]


def convnet() -> list[Any]:
    """Return the layers of Keras' mnist_convnet."""
    first = [layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(2)]
    second = [layers.Conv2D(64, 3, activation="relu"), layers.MaxPooling2D(2), layers.Flatten()]
    return [*first, *second, layers.Dropout(0.5), layers.Dense(10)]


def transformer() -> Any:
    """Return causal transformer blocks over character and position embeddings."""
    width = nets.WIDTH
    x = layers.Input((nets.CONTEXT,), dtype="int32")
    numbers = keras.ops.cumsum(keras.ops.ones_like(x), axis=1) - 1
    h = layers.Embedding(nets.SYMBOLS, width)(x) + layers.Embedding(nets.CONTEXT, width)(numbers)
    for _ in range(nets.BLOCKS):
        normal = layers.LayerNormalization(epsilon=1e-5)(h)
        h += layers.MultiHeadAttention(nets.HEADS, width // nets.HEADS)(normal, normal, use_causal_mask=True)
        inner = layers.Dense(4 * width, "gelu")(layers.LayerNormalization(epsilon=1e-5)(h))
        h += layers.Dense(width)(inner)
    h = layers.LayerNormalization(epsilon=1e-5)(h)
    return keras.Model(x, layers.Dense(nets.SYMBOLS, use_bias=False)(h))
