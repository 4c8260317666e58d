"""Plain data as bytes: what comes back is what was sent, and hostile bytes are one clear error."""

import json
import re
from collections import Counter, OrderedDict
from typing import NamedTuple

import numpy as np
import pytest

from lucidnet.core.packing import from_bytes, pack, shaped_like, to_bytes, unpack
from lucidnet.errors import FileError
from lucidnet.metrics import registry

RNG = np.random.default_rng(0)


class Pair(NamedTuple):
    one: int
    other: object


VALUES = [
    None,
    True,
    -3,
    10**40,
    0.1,
    float("inf"),
    "ü\0/'\"",
    (),
    [],
    {},
    (1, [2.5, ("a", None)], {"b": {"c": False}}),
    {1: "int", "1": "text", (2, "x"): "pair", None: "none", 2.5: "float"},
    {"a/b": np.zeros(1), "a": {"b": np.ones(1)}, "array": 1, "tuple": 2, "number": 3},
    np.float32(0.1),
    np.int64(2**62),
    np.uint8(200),
    np.bool_(True),
    np.array(3.5),
    np.zeros((0, 3), np.int16),
    np.zeros((2, 0, 2**40)[:2]),
    np.arange(12.0).reshape(3, 4).T,
    np.arange(5, dtype=">i4"),
    np.array([True, False]),
    np.array([1 + 2j]),
    np.array(["", "été"]),
    np.array([b"ab"]),
    np.array([np.nan, -0.0, np.inf]),
    [np.arange(3), (np.ones((2, 2), np.float16), np.float64(7))],
]


def same(one, other):
    assert type(one) is type(other), (one, other)
    if isinstance(one, np.ndarray):
        assert one.dtype == other.dtype and one.shape == other.shape
        assert one.tobytes() == other.tobytes()
    elif isinstance(one, (tuple, list)):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            same(a, b)
    elif isinstance(one, dict):
        assert list(one) == list(other) and [type(key) for key in one] == [type(key) for key in other]
        for key in one:
            same(one[key], other[key])
    else:
        assert one == other or (one != one and other != other)


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_what_comes_back_is_what_was_sent(value):
    same(from_bytes(to_bytes(value)), value)


def test_arrays_are_ones_own():
    sent = np.arange(3.0)
    got = from_bytes(to_bytes([sent, sent]))
    got[0][0] = 9
    assert sent[0] == got[1][0] == 0


@pytest.mark.parametrize("name", sorted(registry.KNOWN))
def test_states_of_all_metrics_are_plain(name):
    """Their merge works on what has been sent, too."""
    metric = registry.KNOWN[name]()
    y, p = RNG.integers(0, 2, 20), RNG.uniform(size=20)
    several = RNG.uniform(size=(20, 6))  # top_5 says nothing of fewer classes
    two, numbers = np.stack([1 - p, p], 1), RNG.normal(size=(20, 1))
    for target, guess in ((y, p), (y, two), (numbers, p[:, None]), (y, several)):
        try:
            state = metric.update(metric.start(), target, guess)
        except Exception:  # these data are not for this metric
            continue
        sent = shaped_like(from_bytes(to_bytes(state)), state)
        same(sent, state)
        same(metric.merge(sent, metric.merge(metric.start(), sent)), metric.merge(state, state))
        return
    raise AssertionError("no data for this metric")


@pytest.mark.parametrize(
    "value",
    [
        {1, 2},
        b"raw",
        object(),
        len,
        1j,
        np.array([None]),
        np.array(["2020-01-01"], "datetime64[D]"),
        np.zeros(2, [("a", "f8")]),
        np.longdouble(1),
        np.datetime64("2020-01-01"),
    ],
    ids=lambda value: re.sub(" at 0x[0-9a-f]+", "", repr(value)),
)
def test_what_is_not_plain_is_a_clear_error(value):
    with pytest.raises(FileError, match=r"value/0/deep.*(only numbers|cannot be written down)"):
        to_bytes([{"deep": value}])


def test_types_of_ones_own_come_back():
    mine = {"pair": Pair(1, np.zeros(2)), "count": Counter("aab"), "order": OrderedDict(a=(Pair(1, 2),))}
    got = shaped_like(from_bytes(to_bytes(mine)), mine)
    assert type(got["pair"]) is Pair and got["count"] + Counter("a") == Counter("aaab")
    assert got["order"] == mine["order"] and type(got["order"]["a"][0]) is Pair
    assert shaped_like((1, 2, 3), Pair(1, 2)) == (1, 2, 3)
    assert shaped_like("text", Pair(1, 2)) == "text"


def test_hostile_bytes_are_one_error():
    """Bits turned over, ends cut off, pieces put in; and headers that lie."""
    whole = to_bytes(
        {"a": [np.arange(6.0).reshape(2, 3), np.float32(1)], 3: ("x", None, True), "n": [1, 2.5]}
    )
    caught = 0
    for _ in range(4000):
        made = bytearray(whole)
        for _ in range(RNG.integers(1, 4)):
            place = int(RNG.integers(len(made))) if made else 0
            match RNG.integers(3):
                case 0 if made:
                    made[place] ^= 1 << int(RNG.integers(8))
                case 1:
                    del made[place:]
                case 2:
                    made[place:place] = RNG.bytes(int(RNG.integers(1, 9)))
        try:
            from_bytes(bytes(made))
        except FileError:
            caught += 1
    assert caught > 2000


@pytest.mark.parametrize(
    "header",
    [
        None,
        [],
        [1, 2],
        [1, [], [], []],
        [{"array": "a"}, [], []],
        [{"array": ["a"]}, [], []],
        [{"tuple": 3}, [], []],
        [{"dict": [1]}, [], []],
        [{"pairs": [1]}, [], []],
        [{"pairs": [{"list": [{"list": []}, 1]}]}, [], []],
        [{"what": 1}, [], []],
        [{}, [], []],
        [[1, 2], [], []],
        [{"number": 1, "dtype": "object"}, [], []],
        [{"number": "x", "dtype": "float64"}, [], []],
        [{"number": 300, "dtype": "uint8"}, [], []],
        [{"number": 1}, [], []],
        [1, ["a"], [["O", [1]]]],
        [1, ["a"], [["<f8", [-1]]]],
        [1, ["a"], [["<f8", [2**70, 0]]]],
        [1, ["a"], [["<f8", [2**62, 4]]]],
        [1, ["a"], [["<f8", [1] * 70]]],
        [1, ["a"], [["<f8", [True]]]],
        [1, ["a"], [["<f8", 3]]],
        [1, ["a"], [["f8,f8", [0]]]],
        [1, ["a"], [["<f8", [1000]]]],
    ],
    ids=repr,
)
def test_headers_that_lie_are_one_error(header):
    text = json.dumps(header).encode()
    with pytest.raises(FileError, match="no sense"):
        from_bytes(len(text).to_bytes(8, "little") + text)


def test_deep_nests_and_long_lengths_are_one_error():
    for text in (b"[" * 100_000, b'[{"list":[' * 50_000, b"9" * 5000, b"\xff"):
        with pytest.raises(FileError, match="no sense"):
            from_bytes(len(text).to_bytes(8, "little") + text)
    for raw in (b"", b"\0", (2**63).to_bytes(8, "little"), bytes(8)):
        with pytest.raises(FileError, match="no sense"):
            from_bytes(raw)


def test_old_descriptions_still_read():
    """As checkpoints of before hold them."""
    old = {"dict": {"a": {"tuple": [1, {"array": "@x/a/1"}]}, "b": {"number": 1.5, "dtype": "float32"}}}
    got = unpack(old, {"@x/a/1": np.ones(2)})
    same(got, {"a": (1, np.ones(2)), "b": np.float32(1.5)})
    assert pack(got, "@x", {}) == old
