"""Text encoded as whole numbers, and as examples for language models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backend import Array
from ..core import settings
from ..core.calls import array_like, model_like, takes
from ..core.exports import export
from ..core.numeric import numeric
from ..core.settings import UnfitError, choice, count, finite, instance, listed, taken, whole
from ..core.text import plain, short
from ..errors import DataError, SettingError

ROUNDED = 0.01
"""How far from 1 the sum of probabilities may be."""


def _as_symbols(given: Any, owner: Any) -> tuple[str, ...]:
    symbols = listed(tuple(given) if isinstance(given, str) else given)
    if not all(isinstance(symbol, str) and len(symbol) == 1 for symbol in symbols):
        raise UnfitError
    if len(set(symbols)) < len(symbols):
        twice = next(symbol for symbol in symbols if symbols.count(symbol) > 1)
        raise UnfitError(f"different characters, but {twice!r} is there twice")
    return symbols


SYMBOLS = settings.setting("a sequence of single characters", _as_symbols)


@dataclass(frozen=True, repr=False)
class Vocabulary:
    """The numbered symbols of a text: characters, or the 256 bytes.

    Parameters
    ----------
    symbols : tuple of str
        The characters in order; empty for bytes.

    Examples
    --------
    >>> vocabulary = Vocabulary.characters("to be or not to be")
    >>> len(vocabulary), vocabulary.decode(vocabulary.encode("not be"))
    (7, 'not be')
    """

    symbols: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "symbols", taken("Vocabulary", "symbols", self.symbols, SYMBOLS))

    @classmethod
    def characters(cls, text: str) -> Vocabulary:
        """Make a vocabulary of the characters of a text, sorted."""
        if not taken("characters", "text", text, settings.text(empty=True)):
            raise DataError("the text is empty: there is no character in it")
        return cls(tuple(sorted(set(text))))

    @classmethod
    def bytes(cls) -> Vocabulary:
        """Make the vocabulary of the 256 bytes, in which any text can be written (UTF-8)."""
        return cls()

    def __len__(self) -> int:
        return len(self.symbols) or 256

    def __repr__(self) -> str:
        if not self.symbols:
            return "Vocabulary.bytes()"
        return plain(f"Vocabulary({len(self):,} characters: {short(''.join(self.symbols))})")

    @takes(text=settings.text(empty=True))
    def encode(self, text: str) -> Array:
        """Return a text as symbol numbers, int64 (length,).

        Raises
        ------
        DataError
            If a character is not one of the vocabulary's; names it and its place.
        """
        if not self.symbols:
            return np.frombuffer(text.encode(), np.uint8).astype(np.int64)
        points = np.array([ord(symbol) for symbol in self.symbols])
        order = np.argsort(points)
        given = np.frombuffer(text.encode("utf-32-le"), np.uint32).astype(np.int64)
        found = order[np.searchsorted(points[order], given).clip(max=len(points) - 1)]
        unknown = np.flatnonzero(points[found] != given)
        if len(unknown):
            place = int(unknown[0])
            raise DataError(
                f"the character {text[place]!r} at place {place} is none of the {len(self)} "
                "of this vocabulary"
            )
        return found

    def decode(self, ids: Any) -> str:
        """Return the text for symbol numbers; invalid bytes become replacement characters."""
        ids = _whole(ids)
        if ids.size and (ids.min() < 0 or ids.max() >= len(self)):
            most = len(self) - 1
            raise DataError(f"ids: expected numbers from 0 to {most}, got {ids.min()} to {ids.max()}")
        if not self.symbols:
            return str(ids.astype(np.uint8).tobytes(), "utf-8", "replace")
        return "".join(self.symbols[i] for i in ids.reshape(-1))


@takes(ids=array_like(), length=count(1), stride=count(1, optional=True), target=choice("next", "last"))
def windows(ids: Any, length: int, stride: int | None = None, target: str = "next") -> tuple[Array, Array]:
    """Return windows of a text and the symbols that follow, as views: nothing is copied.

    Parameters
    ----------
    ids : array (n,)
        The text as numbers.
    length : int
        Length of a stretch.
    stride : int, optional
        Distance between their beginnings; `length` if not given, so that they do not overlap.
    target : {"next", "last"}
        Whether the targets are the successors of all symbols, or only that of the last.

    Returns
    -------
    x : array (windows, length)
    y : array (windows, length) or (windows,)

    Examples
    --------
    >>> x, y = windows([0, 1, 2, 3, 4], 2)
    >>> x.tolist(), y.tolist()
    ([[0, 1], [2, 3]], [[1, 2], [3, 4]])
    """
    ids = _numbers(ids, length + 1)
    stride = length if stride is None else stride
    found = np.lib.stride_tricks.sliding_window_view(ids, length + 1)[::stride]
    return found[:, :-1], (found[:, 1:] if target == "next" else found[:, -1])


@takes(ids=array_like(), rows=count(1), length=count(1))
def streams(ids: Any, rows: int, length: int) -> tuple[Array, Array]:
    """Cut a text into several parallel streams, and these into batches, for stateful layers.

    Row r of each batch continues where row r of the batch before stopped: train with ``batch_size=rows,
    shuffle=False``. A rest that does not fill a stretch in each row is left out.

    Parameters
    ----------
    ids : array (n,)
        The text as numbers.
    rows : int
        Number of streams, which is the batch size.
    length : int
        Time steps of each batch.

    Returns
    -------
    x, y : array (batches * rows, length)
        The symbols, and their successors.

    Examples
    --------
    >>> x, y = streams(range(9), rows=2, length=2)
    >>> x.tolist()
    [[0, 1], [4, 5], [2, 3], [6, 7]]
    """
    ids = _numbers(ids, rows * length + 1)
    batches = (len(ids) - 1) // (rows * length)

    def cut(part: Array) -> Array:
        return part.reshape(rows, batches, length).swapaxes(0, 1).reshape(-1, length)

    size = rows * batches * length
    return cut(ids[:size]), cut(ids[1 : size + 1])


@takes("split", ids=array_like(), fraction=finite(above=0, below=1))
def split(ids: Sequence[int] | Array, fraction: float = 0.1) -> tuple[Array, Array]:
    """Split off the last `fraction` of a text; return both parts."""
    ids = _numbers(ids, 2)
    cut = len(ids) - round(len(ids) * fraction)
    if not 0 < cut < len(ids):
        raise DataError(f"text.split: fraction={fraction:g} of {len(ids)} symbols leaves nothing for a part")
    return ids[:cut], ids[cut:]


@takes(
    model=model_like(),
    vocabulary=instance(Vocabulary, "a Vocabulary"),
    prompt=settings.text(empty=True),
    length=count(0),
    temperature=finite(0),
    seed=whole(0),
)
def generate(
    model: Any, vocabulary: Vocabulary, prompt: str, length: int, temperature: float = 1.0, seed: int = 0
) -> str:
    """Generate text with a language model, symbol by symbol, after a prompt.

    A recurrent network continues from its states; any other network is shown the last symbols again, as many
    as it was trained on.

    Parameters
    ----------
    model : Model
        A model from numbers (n, time) to probabilities (n, time, symbols), or (n, symbols) of the next one.
    vocabulary : Vocabulary
        The symbols.
    prompt : str
        The beginning of the text; at least one symbol, or as many as a network must be shown that is not
        recurrent.
    length : int
        How many symbols to write.
    temperature : float
        Below 1 the likely symbols become likelier; 0 always takes the likeliest.
    seed : int
        The seed of the choices.

    Raises
    ------
    DataError
        If what the model gives for a symbol are no probabilities.
    SettingError
        If the prompt is too short.
    """
    choices = np.random.default_rng(seed)
    ids = vocabulary.encode(prompt).tolist()
    if not ids:
        raise SettingError("generate: prompt must have at least one symbol, got ''")
    ahead = _ahead(model, ids)
    for _ in range(length):
        ids.append(_chosen(ahead(ids), temperature, choices))
    return vocabulary.decode(ids[len(vocabulary.encode(prompt)) :])


def _ahead(model: Any, prompt: list[int]) -> Any:
    """Return a function that predicts the next symbol's probabilities from the symbols so far."""
    try:
        stepper = model.stepper()
    except SettingError:
        context = model.input_shape[0] or len(prompt)

        def whole(ids: list[int]) -> Array:
            shown = np.array([ids[-context:]])
            try:
                y, _ = model.net.forward(model.params, shown)
            except ValueError as error:
                if shown.shape[1] == context:
                    raise
                raise SettingError(
                    f"generate: the network takes {context} symbols at a time, and there are "
                    f"{shown.shape[1]} so far: give a prompt of at least {context}"
                ) from error
            return y[0].reshape(-1, y.shape[-1])[-1]

        return whole
    for symbol in prompt[:-1]:
        stepper.step(np.array([symbol]))
    return lambda ids: stepper.step(np.array([ids[-1]]))[0]


def _chosen(p: Array, temperature: float, choices: np.random.Generator) -> int:
    if not np.isfinite(p).all():
        raise DataError("the model gives no probabilities for the next symbol, but NaN or infinity")
    total = float(p.sum())
    if p.min() < 0 or abs(total - 1) > ROUNDED:
        raise DataError(
            f"the model gives no probabilities for the next symbol, but numbers from {p.min():g} to "
            f"{p.max():g}, whose sum is {total:g}: a network that ends in softmax gives some; to one of "
            "logits add Activation('softmax'), and take its weights along by load_weights"
        )
    if temperature == 0:
        return int(p.argmax())
    scores = np.log(np.maximum(p.astype(float), 1e-300)) / temperature
    weights = np.exp(scores - scores.max())
    return int(choices.choice(len(weights), p=weights / weights.sum()))


def _whole(ids: Any) -> Array:
    """Return symbol numbers as an integer array."""
    made: Array = numeric(ids, "ids")
    if made.dtype.kind not in "iu" and made.size:
        raise DataError(f"ids: expected whole numbers, got dtype {made.dtype}")
    return made


def _numbers(ids: Any, least: int) -> Array:
    ids = _whole(ids)
    if ids.ndim != 1 or len(ids) < least:
        raise DataError(
            f"ids: expected a text of at least {least} symbols, one after the other, got shape {ids.shape}"
        )
    return ids


export(globals())
