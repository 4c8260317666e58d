"""A character-level language model of tiny Shakespeare, which writes a sample at the end.

    python examples/experiments/shakespeare.py lstm
    python examples/experiments/shakespeare.py transformer

The LSTM has 2 x 128 units and sees 50 streams of 50 letters at a time for 20 epochs; the transformer has 4
blocks of width 128 with 4 heads, a context of 64 letters, and takes 2,000 steps on 12 windows.

Needs the data set; see `lucidnet.data.load`. Both print the loss on the last tenth of the text, in nats per
character. (Karpathy's char-rnn; nanoGPT's setting for a CPU, which reports 1.88 after the same steps.)
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import lucidnet as ln
from lucidnet.backend import Stream
from lucidnet.data.text import Vocabulary, generate, split, streams, windows
from lucidnet.layers import (
    LSTM,
    Dense,
    Embedding,
    Input,
    LayerNormalization,
    PositionalEmbedding,
    TransformerBlock,
)
from lucidnet.optimizers import Adam, AdamW, ClipGlobalNorm
from lucidnet.optimizers.schedules import Cosine, Warmup


def lstm(text: str, epochs: int) -> tuple[ln.Model, Vocabulary]:
    """Train two stateful LSTM layers on parallel streams of the text."""
    vocabulary = Vocabulary.characters(text)
    train, held_out = split(vocabulary.encode(text), 0.1)
    x, y = streams(train, rows=50, length=50)
    validation = streams(held_out, rows=50, length=50)
    cells = [LSTM(128, return_sequences=True, stateful=True) for _ in range(2)]
    size = len(vocabulary)
    model = ln.Model([Input((None,)), Embedding(size, 64), *cells, Dense(size, "softmax")], seed=0)
    model.compile("categorical_crossentropy", Adam(2e-3, clip=ClipGlobalNorm(5.0)))
    began = time.perf_counter()
    for epoch in range(epochs):
        model.fit(x, y, batch_size=50, shuffle=False, verbose=0)
        loss = model.evaluate(*validation, batch_size=50).loss
        seconds = time.perf_counter() - began
        numbers = f"loss {model.history['loss'][-1]:.3f}  held out {loss:.3f}"
        print(f"epoch {epoch + 1:>2}  {numbers}  {seconds:.0f} s", flush=True)
    return model, vocabulary


def transformer(text: str, steps: int) -> tuple[ln.Model, Vocabulary]:
    """Train four causal blocks on random windows of the text."""
    vocabulary, context, width = Vocabulary.characters(text), 64, 128
    train, held_out = split(vocabulary.encode(text), 0.1)
    x, y = windows(train, context, stride=1)
    validation = windows(held_out, context)
    blocks = [TransformerBlock(4, width, causal=True) for _ in range(4)]
    head = [LayerNormalization(), Dense(len(vocabulary), "softmax", use_bias=False)]
    body = [Input((context,)), Embedding(len(vocabulary), width), PositionalEmbedding(context), *blocks]
    model = ln.Model([*body, *head], seed=0)
    rate = Warmup(100, Cosine(1e-3, 1e-4, steps - 100))
    optimizer = AdamW(rate, beta2=0.99, weight_decay=0.1, clip=ClipGlobalNorm(1.0))
    model.compile("categorical_crossentropy", optimizer)
    began = time.perf_counter()
    for step in range(1, steps + 1):
        rows = (Stream(0, step, path=("windows",)).uniform((12,)) * (len(x) - 1)).astype(int)
        loss = model.train_step(x[rows], y[rows]).loss
        if step % max(1, steps // 8) == 0:
            seconds = time.perf_counter() - began
            held = model.evaluate(validation[0][:300], validation[1][:300], batch_size=100).loss
            print(f"step {step:>5}  loss {loss:.3f}  held out {held:.3f}  {seconds:.0f} s", flush=True)
    print(f"all of the held-out text: {model.evaluate(*validation, batch_size=100).loss:.3f}")
    return model, vocabulary


def main() -> None:
    """Train a language model, and write a sample."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=("lstm", "transformer"))
    parser.add_argument("--epochs", type=int, default=20, help="of the LSTM")
    parser.add_argument("--steps", type=int, default=2000, help="of the transformer")
    options = parser.parse_args()
    folder = os.environ.get("LUCIDNET_DATA")
    if not folder:
        raise SystemExit("set LUCIDNET_DATA to the folder with tinyshakespeare/input.txt in it")
    text = (Path(folder) / "tinyshakespeare" / "input.txt").read_text(encoding="utf-8")
    if options.kind == "lstm":
        model, vocabulary = lstm(text, options.epochs)
    else:
        model, vocabulary = transformer(text, options.steps)
    print("\nROMEO:" + generate(model, vocabulary, "ROMEO:", 400, temperature=0.7, seed=1))


if __name__ == "__main__":
    main()
