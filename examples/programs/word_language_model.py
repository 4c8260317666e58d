"""A word language model (Zaremba et al. 2014; PyTorch's example of that name), with tied weights.

An LSTM reads Shakespeare as parallel streams, continues in each where it stopped, and predicts the next word.
The vector that predicts a word is the one that it is read by, ``Dense(tied="words")`` (Press and Wolf 2017).
Words are those that occur at least 5 times in the first nine tenths, and punctuation; all others are one.

Run: LUCIDNET_DATA=folder python examples/programs/word_language_model.py [--backend jax] [--epochs 6]
[--seeds 3], where folder has tinyshakespeare/input.txt.

Judge, fixed before any tuning: for each of 3 seeds the perplexity of the last tenth of the text is below
that of a bigram model with Kneser and Ney's smoothing (1995), counted on the same words.
"""

import argparse
import os
import re
from collections import Counter
from pathlib import Path

import numpy as np

import lucidnet as ln
from lucidnet.data.text import split, streams
from lucidnet.layers import LSTM, Dense, Dropout, Embedding, Input

UNITS, ROWS, LENGTH = 128, 20, 35


def make(words, seed=0, backend="numpy", dtype="float32", dropout=0.3):
    """Return a network for a vocabulary of the given size."""
    layers = [
        *(Input((None,)), Embedding(words, UNITS, name="words"), Dropout(dropout)),
        *(LSTM(UNITS, return_sequences=True, stateful=True), Dropout(dropout)),
        Dense(words, "softmax", tied="words"),
    ]
    model = ln.Model(layers, seed=seed, dtype=dtype, backend=backend)
    model.compile(
        "categorical_crossentropy",
        ln.optimizers.Adam(0.002, clip=ln.optimizers.ClipGlobalNorm(5.0)),
    )
    return model


def read():
    """Return the vocabulary, and the word numbers of the first nine tenths of the text and of the last."""
    text = (Path(os.environ["LUCIDNET_DATA"]) / "tinyshakespeare" / "input.txt").read_text("ascii")
    found = re.findall(r"[a-z']+|[^\sa-z']|\n\n", text.lower())
    counts = Counter(found[: len(found) * 9 // 10])
    words = ["<other>", *(word for word, count in counts.most_common() if count >= 5)]
    number = {word: k for k, word in enumerate(words)}
    return words, *split([number.get(word, 0) for word in found], 0.1)


def bigrams(train, held_out, words, discount=0.75):
    """Return the perplexity of a bigram model with Kneser-Ney smoothing."""
    counts = np.zeros((words, words))
    np.add.at(counts, (train[:-1], train[1:]), 1)
    follows = (counts > 0).sum(0) + 0.5
    total, kinds = np.maximum(counts.sum(1), 1), (counts > 0).sum(1)
    first, second = held_out[:-1], held_out[1:]
    left = np.where(kinds, discount * kinds / total, 1)[first]
    p = (
        np.maximum(counts[first, second] - discount, 0) / total[first]
        + left * (follows / follows.sum())[second]
    )
    return float(np.exp(-np.log(p).mean()))


def train(seed=0, backend="numpy", epochs=6, dtype="float32", most=None):
    """Train on the text; return the network, its held-out perplexity, and that of a bigram model."""
    words, seen, held_out = read()
    x, y = streams(seen[:most], ROWS, LENGTH)
    model = make(len(words), seed, backend, dtype)
    model.fit(x, y, batch_size=ROWS, epochs=epochs, shuffle=False, verbose=0)
    loss = model.evaluate(*streams(held_out, ROWS, LENGTH), batch_size=ROWS).loss
    return model, float(np.exp(loss)), bigrams(seen[:most], held_out, len(words))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    for seed in range(given.seeds):
        model, ours, theirs = train(seed, given.backend, given.epochs)
        print(f"seed {seed}: perplexity {ours:.1f}, of bigrams {theirs:.1f}")
