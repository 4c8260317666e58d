"""Vocabularies, windows, streams, and what a model writes."""

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.data.text import Vocabulary, generate, split, streams, windows
from lucidnet.errors import LucidnetError
from lucidnet.layers import (
    GRU,
    Conv1D,
    Dense,
    Embedding,
    Flatten,
    GlobalMaxPooling1D,
    Input,
    PositionalEmbedding,
    TransformerBlock,
)

TEXT = "the quick brown fox jumps over the lazy dog; żółw, 日本"


def test_characters_there_and_back():
    vocabulary = Vocabulary.characters(TEXT)
    ids = vocabulary.encode(TEXT)
    assert vocabulary.decode(ids) == TEXT
    assert [vocabulary.symbols[i] for i in ids] == list(TEXT)
    assert len(vocabulary) == len(set(TEXT))
    assert Vocabulary(("b", "a")).encode("ab").tolist() == [1, 0]
    with pytest.raises(LucidnetError, match=r"the character '!' at place 2 is none of"):
        vocabulary.encode("ab!")
    with pytest.raises(LucidnetError, match="expected numbers from 0 to"):
        vocabulary.decode([999])


def test_bytes_write_any_text():
    vocabulary = Vocabulary.bytes()
    ids = vocabulary.encode(TEXT)
    assert len(vocabulary) == 256
    assert ids.tolist() == list(TEXT.encode())
    assert vocabulary.decode(ids) == TEXT


def test_windows_are_views_and_targets_follow():
    ids = np.arange(100)
    for stride in (1, 7, None):
        x, y = windows(ids, 7, stride)
        np.testing.assert_array_equal(y, x + 1)
        assert np.shares_memory(x, ids)
        assert (x[1] - x[0] == (stride or 7)).all()
    x, last = windows(ids, 7, 1, target="last")
    np.testing.assert_array_equal(last, x[:, -1] + 1)
    assert len(x) == 93
    with pytest.raises(LucidnetError, match="at least 8 symbols"):
        windows(ids[:7], 7)


def test_streams_go_on_from_batch_to_batch():
    x, y = streams(np.arange(1000), rows=5, length=8)
    np.testing.assert_array_equal(y, x + 1)
    batches = x.reshape(-1, 5, 8)
    np.testing.assert_array_equal(batches[1:, :, 0], batches[:-1, :, -1] + 1)
    assert len(batches) == 999 // 40


def test_split_keeps_the_order():
    first, last = split(np.arange(100), 0.2)
    assert (first[-1], last[0]) == (79, 80)


@pytest.mark.parametrize(
    "layers",
    [
        [Input((None,)), Embedding(3, 4), GRU(16, return_sequences=True)],
        [Input((6,)), Embedding(3, 8), PositionalEmbedding(6), TransformerBlock(2, 8, causal=True)],
    ],
    ids=["recurrent", "transformer"],
)
def test_a_model_learns_to_write_a_pattern(layers):
    text = "abc" * 100
    vocabulary = Vocabulary.characters(text)
    x, y = windows(vocabulary.encode(text), 6, stride=1)
    model = ln.Model([*layers, Dense(3, "softmax")], seed=0)
    model.compile("categorical_crossentropy", ln.optimizers.Adam(0.02))
    model.fit(x, y, epochs=5, verbose=0)
    assert generate(model, vocabulary, "ab", 7, temperature=0) == "cabcabc"
    written = generate(model, vocabulary, "a", 30, seed=1)
    assert written == generate(model, vocabulary, "a", 30, seed=1)
    assert len(written) == 30
    with pytest.raises(LucidnetError, match="at least one symbol"):
        generate(model, vocabulary, "", 3)


def writer(*layers):
    return ln.Model([*layers[:1], Embedding(3, 4), *layers[1:]], seed=2)


@pytest.mark.parametrize(
    "layers",
    [
        (Input((4,)), Flatten(), Dense(3, "softmax")),
        (Input((None,)), Conv1D(5, 2, padding="causal"), GlobalMaxPooling1D(), Dense(3, "softmax")),
    ],
    ids=["window", "pooled"],
)
def test_networks_of_the_next_symbol_alone(layers):
    """They give (n, symbols), and are shown as many symbols as they take."""
    model, ids = writer(*layers), [0, 1, 2, 0]
    written = generate(model, Vocabulary(("a", "b", "c")), "abca", 12, temperature=0)
    assert len(written) == 12 and len({*written}) > 1
    for symbol in written:
        assert "abc"[model.predict([ids[-4:]])[0].argmax()] == symbol
        ids.append("abc".index(symbol))


def test_a_prompt_shorter_than_the_network_takes():
    vocabulary = Vocabulary(("a", "b", "c"))
    window = writer(Input((4,)), Flatten(), Dense(3, "softmax"))
    with pytest.raises(
        LucidnetError, match="takes 4 symbols at a time, and there are 2 so far: give a prompt"
    ):
        generate(window, vocabulary, "ab", 5)
    block = writer(Input((4,)), TransformerBlock(1, 4, causal=True), Dense(3, "softmax"))
    assert len(generate(block, vocabulary, "ab", 5)) == 5  # of any length


@pytest.mark.parametrize("ending", ["linear", "log_softmax", "sigmoid"])
@pytest.mark.parametrize("kind", [GRU(4, return_sequences=True), Conv1D(4, 2, padding="causal")], ids=str)
def test_what_is_no_probability_is_refused(kind, ending):
    model = writer(Input((None,)), kind, Dense(3, ending))
    with pytest.raises(LucidnetError, match="gives no probabilities for the next symbol, but numbers from"):
        generate(model, Vocabulary(("a", "b", "c")), "ab", 5)
