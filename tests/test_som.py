"""The self-organising map against the published rule written as loops, and what it must bring about."""

import math

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.backend import Stream
from lucidnet.errors import NotReadyError, SettingError, ShapeError

X = np.random.default_rng(0).uniform(size=(300, 2))


def literal(x, rows, columns, epochs, seed, rates=(0.5, 0.01), last=0.5, apart=math.dist):
    """Kohonen's rule, unit by unit and number by number."""
    first = Stream(seed, path=("som", "first")).permutation(len(x))
    w = {(i, j): list(x[first[(i * columns + j) % len(x)]]) for i in range(rows) for j in range(columns)}
    radii, total, t = (max(rows, columns) / 2, last), epochs * len(x), 0
    for epoch in range(epochs):
        for index in Stream(seed, epoch, path=("som", "order")).permutation(len(x)):
            rate, radius = (a * (b / a) ** (t / (total - 1)) for a, b in (rates, radii))
            c = min(w, key=lambda place: math.dist(w[place], x[index]))
            for place in w:
                h = math.exp(-(apart(place, c) ** 2) / (2 * radius**2))
                w[place] = [a + rate * h * (b - a) for a, b in zip(w[place], x[index], strict=True)]
            t += 1
    return np.array([[w[i, j] for j in range(columns)] for i in range(rows)])


def test_the_rule():
    made = ln.SelfOrganizingMap(3, 4, seed=2).fit(X[:40], epochs=3)
    np.testing.assert_allclose(made.weights, literal(X[:40], 3, 4, 3, 2), rtol=1e-10)


def test_a_closed_map():
    def apart(a, b):
        return math.hypot(*(min((p - q) % n, (q - p) % n) for p, q, n in zip(a, b, (3, 4), strict=True)))

    made = ln.SelfOrganizingMap(3, 4, wrap=True, seed=2).fit(X[:40], epochs=3)
    np.testing.assert_allclose(made.weights, literal(X[:40], 3, 4, 3, 2, apart=apart), rtol=1e-10)
    w, gaps = made.weights, made.distances()
    around = [w[(2, 1), 0], w[0, (1, 3)]]
    assert gaps[0, 0] == pytest.approx(np.mean([np.linalg.norm(one - w[0, 0], axis=-1) for one in around]))
    made._weights = np.arange(12.0)[:, None]
    made._weights[3] = 0.1  # the first two for 0 are the corners of a row: neighbours here alone
    flat = ln.SelfOrganizingMap(3, 4)
    flat._weights = made._weights
    assert (made.topographic_error([[0.0]]), flat.topographic_error([[0.0]])) == (0, 1)
    closed = ln.SelfOrganizingMap(1, 2, wrap=True)
    closed._weights = np.array([[0.0], [1.0]])
    np.testing.assert_array_equal(closed.distances(), [[1.0, 1.0]])


def test_the_map_covers_the_square_in_order():
    som = ln.SelfOrganizingMap(6, 6, seed=0).fit(X, epochs=20)
    assert som.topographic_error(X) < 0.1
    # 36 units on a square: squares of side 1/6 have a mean distance of 0.064 to their middle.
    assert som.quantization_error(X) < 0.08
    assert som.quantization_error(X) < ln.SelfOrganizingMap(6, 6).fit(X[:1]).quantization_error(X) / 3
    for axis in (0, 1):  # neighbours on the grid are near each other in the square
        assert np.linalg.norm(np.diff(som.weights, axis=axis), axis=-1).max() < 0.4


def test_clusters_get_places_of_their_own():
    x, y = ln.data.gaussians(300, classes=3, spread=0.2, seed=1)
    som = ln.SelfOrganizingMap(5, 5, seed=1).fit(x, epochs=10)
    places = [tuple(place) for place in som.transform(x)]
    labels = {}
    for place, label in zip(places, y, strict=True):
        labels.setdefault(place, []).append(label)
    pure = sum(max(found.count(k) for k in range(3)) for found in labels.values())
    assert pure / len(x) > 0.95
    assert som.distances().shape == (5, 5)


def test_two_maps_are_the_same_and_another_seed_is_not():
    one, two, other = (ln.SelfOrganizingMap(3, 3, seed=s).fit(X, epochs=1) for s in (0, 0, 1))
    assert one.weights.tobytes() == two.weights.tobytes() != other.weights.tobytes()


@pytest.mark.parametrize("power", [512, 1020, -700])
def test_large_and_small_numbers_are_mapped_as_others(power):
    """Their squares are no numbers of 64 bits; a power of two changes no digit."""
    size = -math.ldexp(1.0, power)
    points = np.vstack([X[:40], [[0.0, 0.0]]])  # 0 is the largest of the others
    usual = ln.SelfOrganizingMap(3, 2, seed=0).fit(points, epochs=2)
    other = ln.SelfOrganizingMap(3, 2, seed=0).fit(points * size, epochs=2)
    np.testing.assert_array_equal(other.weights, usual.weights * size)
    np.testing.assert_array_equal(other.distances(), usual.distances() * -size)
    np.testing.assert_array_equal(other.transform(X * size), usual.transform(X))
    assert other.quantization_error(X[:9] * size) == usual.quantization_error(X[:9]) * -size


def test_whole_numbers_and_single_precision_are_the_numbers_they_are():
    points = np.arange(12).reshape(6, 2) % 7
    expected = ln.SelfOrganizingMap(2, 2, seed=0).fit(points.astype("float64"), epochs=2).weights
    for given in (points, points.tolist(), points.astype("float32")):
        found = ln.SelfOrganizingMap(2, 2, seed=0).fit(given, epochs=2).weights
        assert found.dtype == "float64"
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("size", [1.0, 1e150])
def test_a_map_that_was_interrupted_is_as_far_as_it_came(size, monkeypatch):
    """Its points are in the units of the data, large as they may be."""
    som, move, seen = ln.SelfOrganizingMap(2, 3), ln.SelfOrganizingMap._move, []

    def interrupted(self, x, progress):
        seen.append(x)
        if len(seen) == 20:
            raise KeyboardInterrupt
        move(self, x, progress)

    monkeypatch.setattr(ln.SelfOrganizingMap, "_move", interrupted)
    with pytest.raises(KeyboardInterrupt):
        som.fit(X * size)
    assert 0 < som.quantization_error(X * size) < size / 2
    with pytest.raises(ValueError, match="read-only"):
        som.weights[0] = 0


def test_nearest_units_in_blocks(monkeypatch):
    som = ln.SelfOrganizingMap(3, 3).fit(X, epochs=1)
    whole = som.transform(X)
    monkeypatch.setattr("lucidnet.som.BLOCK", 100)
    np.testing.assert_array_equal(som.transform(X), whole)


def test_the_distance_to_neighbours():
    som = ln.SelfOrganizingMap(1, 3)
    som._weights = np.array([[0.0], [1.0], [4.0]])
    np.testing.assert_array_equal(som.distances(), [[1.0, 2.0, 3.0]])


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (
            lambda: ln.SelfOrganizingMap(0, 3),
            SettingError,
            "rows must be a whole number from 1 to 10000, got 0",
        ),
        (lambda: ln.SelfOrganizingMap(2, 3, learning_rate=(2, 1)), SettingError, "at most 1"),
        (lambda: ln.SelfOrganizingMap(2, 3, radius=1.0), SettingError, "2 numbers"),
        (lambda: ln.SelfOrganizingMap(2, 3).transform(X), NotReadyError, "call fit"),
        (lambda: ln.SelfOrganizingMap(2, 3).fit(X[0]), ShapeError, "expected examples"),
        (lambda: ln.SelfOrganizingMap(2, 3).fit(X, epochs=0), SettingError, "epochs"),
        (lambda: ln.SelfOrganizingMap(2, 3).fit(X).transform(X[:, :1]), ShapeError, "expected 2 features"),
    ],
)
def test_mistakes(act, error, message):
    with pytest.raises(error, match=message):
        act()
